"""The claims of the paper, and whether the cells bear them out: held, not held at this scale, or not testable here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from trainers.evaluation.confidence import Interval
from trainers.lab.study.experiments import CULTURE
from trainers.lab.study.report.measured import Measured, number, show
from trainers.lab.study.subjects import BASE, ENGLISH, FIVE

HELD, NOT_HELD, UNDECIDED = "held", "not held at this scale", "not decided at this sample size"
UNTESTABLE, MISSING = "not testable here", "not measured yet"
FASTER = 25.0
"""Speed of mCLIP relative to translating first, according to the paper's Table 6."""

SMALL_DROP = 0.05
"""Maximum loss of English R@1 for a module that counts as keeping English."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim of the paper, where it stands, and a function that looks at the cells."""

    text: str
    source: str
    check: Callable[[Measured], tuple[str, str]]
    """Returns the verdict and the reason."""


def _higher(first: Interval | None, second: Interval | None, what: str) -> tuple[str, str]:
    """Return whether the first is higher: decided only if the intervals do not overlap."""
    if first is None or second is None:
        return MISSING, ""
    reason = what.format(show(first), show(second))
    if first.low > second.high:
        return HELD, reason
    return (NOT_HELD if first.high < second.low else UNDECIDED), reason


def _untestable(reason: str) -> Callable[[Measured], tuple[str, str]]:
    return lambda _: (UNTESTABLE, reason)


def _retrieval(measured: Measured) -> tuple[str, str]:
    found = {
        name: [measured.mean_recall(name, tag, "pairs") for tag in ("de", "fr", "cs", "ja", "zh")]
        for name in ("mclip-plus-tables", "mclip")
    }
    if any(value is None for values in found.values() for value in values):
        return MISSING, ""
    means = {name: sum(value or 0.0 for value in values) / len(values) for name, values in found.items()}
    wins = sum((own or 0) > (other or 0) for own, other in zip(*found.values(), strict=True))
    reason = f"mean recall of held-out names in five languages: mclip+ {number(means['mclip-plus-tables'])}, mclip {number(means['mclip'])}"
    verdict = HELD if wins == 5 else NOT_HELD if means["mclip-plus-tables"] <= means["mclip"] else UNDECIDED
    return verdict, f"{reason}; mclip+ is higher in {wins} of 5."


def _english_best(measured: Measured) -> tuple[str, str]:
    english = measured.mean_recall("mclip", "en", "seen")
    others = [measured.mean_recall("mclip", tag, "seen") for tag in ("de", "fr", "cs")]
    if english is None or any(each is None for each in others):
        return MISSING, ""
    best = max(each or 0.0 for each in others)
    return (
        HELD if english > best else NOT_HELD
    ), f"mclip, seen names: en {number(english)}, the best of de, fr, cs {number(best)}."


def _cheapest(measured: Measured) -> tuple[str, str]:
    known = {}
    for name in ("mulan-published", "pea-published", "iap-published", "altdiffusion-published", "full-published"):
        seconds, seen, alone = (
            measured.value("train", name, "train_cpu_seconds"),
            measured.share(name, FIVE, "seen"),
            measured.share(BASE, FIVE, "seen"),
        )
        if seconds is None or seen is None or alone is None:
            return MISSING, ""
        known[name] = seconds / max(100 * (seen.value - alone.value), 0.1)
    best = min(known, key=lambda name: known[name])
    listed = ", ".join(f"{name} {value:,.0f}" for name, value in sorted(known.items(), key=lambda each: each[1]))
    return (
        HELD if best in {"mulan-published", "pea-published"} else NOT_HELD
    ), f"processor seconds per point of seen R@1: {listed}."


def _full_is_best(measured: Measured) -> tuple[str, str]:
    full = measured.share("full-published", FIVE, "seen")
    others = {
        name: measured.share(name, FIVE, "seen")
        for name in ("pea-published", "iap-published", "altdiffusion-published")
    }
    if full is None or any(each is None for each in others.values()):
        return MISSING, ""
    best = max(others, key=lambda name: others[name].value if others[name] else 0.0)  # type: ignore[union-attr]
    return _higher(full, others[best], f"seen R@1: full fine-tuning {{}}, {best} {{}}.")


def _faster(measured: Measured) -> tuple[str, str]:
    direct, translated = (
        measured.value("latency", name, "text_to_image_retrieval_ms") for name in ("mclip", "clip-translate")
    )
    if direct is None or translated is None:
        return MISSING, ""
    ratio = translated / direct
    verdict = HELD if ratio >= FASTER / 2 else NOT_HELD
    reason = f"text to found image: mclip {direct:.1f} ms, translated first {translated:.1f} ms, a ratio of {ratio:.1f} instead of 25"
    return verdict, f"{reason}; the translator is tiny."


def _same_quality(measured: Measured) -> tuple[str, str]:
    fids = {name: measured.value("fid", name, "fid", "", "seen") for name in (ENGLISH, "altdiffusion-published")}
    clips = {name: measured.mean_of(name, FIVE, "seen", "cosines") for name in fids}
    if any(each is None for each in (*fids.values(), *clips.values())):
        return MISSING, ""
    english, own = clips[ENGLISH], clips["altdiffusion-published"]
    assert english is not None
    assert own is not None
    reason = (
        f"FID {fids['altdiffusion-published']:.2f} for {fids[ENGLISH]:.2f}, cosine {show(own)} for {show(english)}."
    )
    return (HELD if own.value >= 0.9 * english.value else NOT_HELD), reason


def _latency(measured: Measured) -> tuple[str, str]:
    own, alone = (measured.value("latency", name, "text_to_image_20_steps_ms") for name in ("mulan-english", BASE))
    if own is None or alone is None:
        return MISSING, ""
    return (
        HELD if own < 1.1 * alone else NOT_HELD
    ), f"one image of 20 steps: {own:,.0f} ms with mulan, {alone:,.0f} ms without; the encoder is tiny."


def _against_iap(measured: Measured) -> tuple[str, str]:
    first, second = (measured.share(name, FIVE, "seen") for name in ("altdiffusion-published", "iap-published"))
    return _higher(first, second, "seen R@1: altdiffusion {}, iap {}.")


def _cultural(measured: Measured) -> tuple[str, str]:
    first, second = (measured.share(name, FIVE, CULTURE) for name in ("altdiffusion", ENGLISH))
    return _higher(
        first,
        second,
        "R@1 of cultural things: altdiffusion (our recipe) {}, English prompts {}. Names of things, not styles.",
    )


def _zero_shot(measured: Measured) -> tuple[str, str]:
    """Return whether it reaches half of its English quality in other languages."""
    own, alone = (measured.share(name, FIVE, "pairs") for name in ("mulan-english", BASE))
    english = measured.share("mulan-english", ["en"], "seen")
    if own is None or alone is None or english is None:
        return MISSING, ""
    verdict = HELD if own.low > english.value / 2 else NOT_HELD if own.high < english.value / 2 else UNDECIDED
    return (
        verdict,
        f"R@1 in five languages that it never saw: {show(own)}, in English {show(english)}; base alone {show(alone)}.",
    )


def _keeps_english(measured: Measured) -> tuple[str, str]:
    drop = measured.english_drop("pea-published")
    if drop is None:
        return MISSING, ""
    reason = f"English R@1 lost through pea: {show(drop)}; without the module it is the base's."
    return (HELD if drop.high < SMALL_DROP else NOT_HELD), reason


NO_TEXT = "images of 64 pixels have no legible text, and the base never learnt text."
NO_GPU = "the lab trains in minutes on a processor core; ratios are in the tables."
CLAIMS = (
    Claim("mCLIP+, with pairs in more languages, retrieves better than mCLIP", "Tables 2 and 3", _retrieval),
    Claim("Retrieval is best in English", "Tables 2 and 3", _english_best),
    Claim("mCLIP+ reaches MURAL", "Table 2", _untestable("MURAL is not public, and its protocol is another.")),
    Claim(
        "AltDiffusion generates images as good as the English base's, by FID and CLIP score", "Table 4", _same_quality
    ),
    Claim("AltDiffusion is better than IAP", "Table 4", _against_iap),
    Claim("AltDiffusion represents cultures better than the English base", "Table 4", _cultural),
    Claim("AltDiffusion writes text in images", "Table 4", _untestable(NO_TEXT)),
    Claim("Adapters (MuLan, PEA) cost least per point", "Table 5", _cheapest),
    Claim("Full fine-tuning has the best quality, at the highest cost", "Table 5, section 3.5", _full_is_best),
    Claim("Direct retrieval is 25 times faster than translating first", "Table 6", _faster),
    Claim("An adapter adds hardly any latency", "section 3.4", _latency),
    Claim("An adapter trained on English only works for other languages", "section 3.4 (MuLan)", _zero_shot),
    Claim("Adapters keep the base's English", "section 3.4 (frozen base)", _keeps_english),
    Claim("GPU hours and dollars of the tables", "Tables 1 and 5", _untestable(NO_GPU)),
)
