"""The paper's open questions: one section each, with what was measured."""

from __future__ import annotations

from collections.abc import Sequence

from hub.languages import language_name
from trainers.evaluation.confidence import Interval
from trainers.lab.study.experiments import COMPARED, CURVE, FOUR, MIXED, PEOPLE, RELATED, SMALL, TRAINING_SEEDS
from trainers.lab.study.measures.prompts import GENDERS, TONES
from trainers.lab.study.plan import all_subjects
from trainers.lab.study.report.measured import Measured, show
from trainers.lab.study.report.tables import table
from trainers.lab.study.subjects import BASE, ENGLISH, FIVE, REAL, Subject

NOTHING = "Not measured yet.\n"
TONE_NAMES = ("light", "medium-light", "medium", "medium-dark", "dark")
GENDER_NAMES = ("man, boy", "woman, girl", "person, child")


def sections(measured: Measured, grouped: Sequence[Subject]) -> list[tuple[str, str]]:
    """Return title and text of each question."""
    return [
        ("Fewer denoising steps", _steps(measured)),
        ("Low-resource languages: how many names does a language need?", _curve(measured)),
        ("A language without data: merge modules of its relatives", _merging(measured)),
        ("Add a language without forgetting the others", _adding(measured)),
        ("Code-mixed prompts", _mixed(measured, grouped)),
        ("Fairness: skin tones and genders", _people(measured, grouped)),
        ("Smaller modules", _smaller(measured)),
        ("Texts alone", _texts(measured)),
        ("How much do more updates change?", _updates(measured)),
        ("How much does the seed of training change?", _seeds(measured)),
        ("Left out", LEFT_OUT),
    ]


def _steps(measured: Measured) -> str:
    known = all_subjects()
    rows = []
    for name in COMPARED:
        long = measured.share(name, FIVE, "seen", variant="steps-20")
        if long is None:
            continue
        cells = _paired(measured, name)
        rows.append([known[name].label, *cells])
    if not rows:
        return NOTHING
    head = (
        "the same seen names and noise",
        "n",
        "R@1, 20 steps",
        "R@1, few steps",
        "right in both",
        "right with 20 alone",
        "right with few alone",
    )
    return table(head, rows) + "\n\nThe study's images use the few steps; cards and `hub evaluate` use 20.\n"


def _paired(measured: Measured, name: str) -> list[str]:
    """Return counts of images that are right with 20 steps and with few, for the same prompts and noise."""
    both = long_alone = few_alone = count = 0
    for tag in FIVE:
        long = measured.find("draw", name, tag, "seen", "steps-20")
        few = [
            each for each in measured.find("draw", name, tag, "seen") if long and each.cell.seed == long[0].cell.seed
        ]
        if not few:
            continue
        known = dict(zip(few[0].found["concepts"], few[0].found["ranks"], strict=True))
        for concept, rank in zip(long[0].found["concepts"], long[0].found["ranks"], strict=True):
            if concept in known:
                first, second = rank < 1, known[concept] < 1
                count += 1
                both += first and second
                long_alone += first and not second
                few_alone += second and not first
    shares = [f"{(both + each) / count:.3f}" if count else "–" for each in (long_alone, few_alone)]
    return [str(count), *shares, str(both), str(long_alone), str(few_alone)]


def _curve(measured: Measured) -> str:
    rows = []
    names = {f"memory-yo-{pairs}": f"{pairs:,} names" for pairs in CURVE}
    names |= {
        "memory-yo-all": "all names and keywords (the bundled module)",
        "memory-four": "none, but four other languages",
    }
    for name, label in names.items():
        drawn = measured.share(name, ["yo"], "pairs")
        read = [_read(measured, name, "yo", split) for split in ("pairs", "seen")]
        if drawn is not None or any(each is not None for each in read):
            rows.append([label, show(drawn), *map(show, read)])
    if not rows:
        return NOTHING
    head = (
        "a memory for Yoruba, trained on",
        "held-out names, R@1 of images",
        "held-out names read right",
        "seen names read right",
    )
    note = "\n\n*Seen names* are all of the split, also those that were left out of this training.\n"
    return table(head, rows) + note


def _read(measured: Measured, name: str, language: str, split: str) -> Interval | None:
    from trainers.evaluation.confidence import wilson

    read = measured.value("text", name, "read", language, split)
    return wilson(sum(read), len(read)) if read else None


def _merging(measured: Measured) -> str:
    known = all_subjects()
    rows = []
    for target, parents in RELATED.items():
        both = "-".join(parents)
        for name in [*(f"token-kd-{tag}" for tag in parents), f"merged-{both}", f"token-kd-{both}", "token-kd"]:
            found = [measured.recall("text", name, target, "languages", f"recall_at_{k}") for k in (1, 10)]
            drawn = measured.share(name, [target], "languages", rank=10)
            if found[0] is not None or drawn is not None:
                rows.append([language_name(target), known[name].label, *map(show, found), show(drawn)])
    own = []
    for parents in RELATED.values():
        for tag in parents:
            cells = [
                measured.recall("text", name, tag, "seen", "recall_at_1")
                for name in (f"token-kd-{tag}", f"merged-{'-'.join(parents)}")
            ]
            if any(each is not None for each in cells):
                own.append([language_name(tag), *map(show, cells)])
    if not rows:
        return NOTHING
    head = ("names in", "module", "recall@1 at text level", "recall@10 at text level", "R@10 of images")
    text = table(head, rows)
    if own:
        text += "\n\nScores of the parents in their own languages:\n\n"
        text += table(("seen names in", "its own module, recall@1", "the merged module"), own)
    return text + "\n\nThe modules have the same initialisation, and their weights are averaged (`hub merge`).\n"


def _adding(measured: Measured) -> str:
    known = all_subjects()
    rows = []
    for name in ("token-kd-four", "token-kd-added", "token-kd-replayed", "token-kd"):
        four, yoruba = (measured.share(name, tags, "seen", seeds=(0,)) for tags in (FOUR, ["yo"]))
        if four is not None or yoruba is not None:
            rows.append([known[name].label, show(four), show(yoruba)])
    reading = []
    for name in ("memory-four", "memory"):
        cells = [_read(measured, name, tag, "pairs") for tag in ("yo", *FOUR)]
        if any(each is not None for each in cells):
            reading.append([known[name].label, *map(show, cells)])
    if not rows and not reading:
        return NOTHING
    text = table(("module", f"seen R@1 of {' '.join(FOUR)}", "seen R@1 of yo"), rows) if rows else ""
    if reading:
        text += "\n\nA memory is filled again when a language is added. Held-out names that are read right:\n\n"
        text += table(("module", "yo", *FOUR), reading)
    return (
        text
        + "\n\nOne module per language, chosen by the language of the prompt, forgets nothing, because the others do not change.\n"
    )


def _mixed(measured: Measured, grouped: Sequence[Subject]) -> str:
    base = all_subjects()[BASE]
    rows = []
    for subject in (base, *(each for each in grouped if each.name != ENGLISH)):
        cells = [measured.share(subject.name, FIVE, split) for split in (*MIXED, "combinations")]
        if any(each is not None for each in cells[:2]):
            rows.append([subject.label, *map(show, cells)])
    if not rows:
        return NOTHING
    head = ("", "first part in English", "last part in English", "both in the language (all combinations)")
    note = "\n\nPrompts of two parts, such as `waving hand: dark skin tone`, with one part in English; R@1 over five languages.\n"
    return table(head, rows) + note


def _people(measured: Measured, grouped: Sequence[Subject]) -> str:
    real = all_subjects()[REAL]
    rows, by_language = [], []
    for subject in (*grouped, real):
        if measured.mean_of(subject.name, FIVE, PEOPLE, "tone_right") is None:
            continue
        tones = [
            _group(measured, subject.name, "tone_right", lambda concept, tone=tone: concept.endswith(tone))
            for tone in TONES
        ]
        genders = [
            _group(
                measured,
                subject.name,
                "gender_right",
                lambda concept, place=place: any(concept.startswith(g[place]) for g in GENDERS),
            )
            for place in range(len(GENDER_NAMES))
        ]
        rows.append([subject.label, *map(show, (*tones, *genders))])
        by_language.append(
            [
                subject.label,
                *(
                    show(measured.mean_of(subject.name, [tag], PEOPLE, key))
                    for key in ("tone_right", "gender_right")
                    for tag in FIVE
                ),
            ]
        )
    if not rows:
        return NOTHING
    head = ("", *(f"tone: {name}" for name in TONE_NAMES), *(f"gender: {name}" for name in GENDER_NAMES))
    text = table(head, rows) + "\n\nBy language:\n\n"
    text += table(("", *(f"{what}, {tag}" for what in ("tone", "gender") for tag in FIVE)), by_language)
    return text + (
        "\n\nShare of images of people whose skin tone is nearest among the five (chance .20), and whose gender is nearest among man, "
        "woman and person of the same age and tone (chance .33), by the judge. The last row is for real images.\n"
    )


def _group(measured: Measured, name: str, key: str, belongs: object) -> Interval | None:
    from trainers.evaluation.confidence import wilson

    assert callable(belongs)
    values = [
        value
        for tag in FIVE
        for each in measured.find("draw", name, tag, PEOPLE)
        for concept, value in zip(each.found["concepts"], each.found[key], strict=True)
        if belongs(concept)
    ]
    return wilson(sum(values), len(values)) if values else None


def _smaller(measured: Measured) -> str:
    rows = []
    for name, label in (
        ("memory", "aligners of width 384"),
        ("memory-small", f"aligners of width {SMALL}"),
    ):
        cells = [_read(measured, name, tag, "pairs") for tag in FOUR]
        if any(each is not None for each in cells):
            size = measured.value("train", name, "parameters")
            rows.append([label, f"{size:,}" if size else "–", *map(show, cells)])
    if not rows:
        return NOTHING
    return table(("held-out names read right", "trained parameters", *FOUR), rows) + "\n"


def _texts(measured: Measured) -> str:
    known = all_subjects()
    rows = [
        [known[name].label, learns, show(seen), show(measured.share(name, FIVE, "pairs"))]
        for name, learns in (
            ("token-kd", "texts"), ("memory", "texts"), ("pea", "texts, then images"), ("pea-published", "images"),
            ("iap", "texts, then images"), ("iap-published", "images"), ("mulan", "texts, then images"),
        )
        if (seen := measured.share(name, FIVE, "seen")) is not None
    ]  # fmt: skip
    return table(("", "learns from", "seen R@1", "held-out R@1"), rows) + "\n" if rows else NOTHING


def _updates(measured: Measured) -> str:
    rows = []
    for name in ("token-kd", "token-kd-long"):
        cells = [measured.share(name, FIVE, split, seeds=(0,)) for split in ("seen", "pairs")]
        if any(each is not None for each in cells):
            phases = measured.value("train", name, "phases") or {}
            rows.append([f"{sum(phases.values()):,}", *map(show, cells)])
    if not rows:
        return NOTHING
    note = (
        "\n\nAfter the study's number of updates, modules between encoder and base are far from fully trained; bundled ones "
        "had more updates.\n"
    )
    return table(("updates of token distillation", "seen R@1", "held-out R@1"), rows) + note


def _seeds(measured: Measured) -> str:
    rows = []
    for name, label in [("token-kd", "0"), *((f"token-kd-seed{seed}", str(seed)) for seed in TRAINING_SEEDS)]:
        cells = [measured.share(name, FIVE, split, seeds=(0,)) for split in ("seen", "pairs")]
        if any(each is not None for each in cells):
            rows.append([label, *map(show, cells)])
    return table(("training seed of token distillation", "seen R@1", "held-out R@1"), rows) + "\n" if rows else NOTHING


LEFT_OUT = """* Distillation of the denoiser to fewer steps: on the lab, the sampler alone needs few steps, so no effect would be visible.
* The published methods over `multilingual-e5-small`: training its copies takes hours on a processor.
* `lora`, `bottleneck` and `prompt-tuning` without their phase on texts, and three seeds of training for every method: processor time.
* Styles of a culture, and text in images: the lab has one image for each concept, of 64 pixels.
"""
