"""Find the modules that can be used for a language on a base, and rank them by the evidence about them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from hub.advice.fits import has_same_conditioning, judge_variants
from hub.advice.memory_estimate import Memory, estimate_memory
from hub.errors import HubError
from hub.languages import covers, language_name
from hub.publish.compatibility import Fit
from hub.records import Artifact, Provenance, Query, Score
from hub.registry import Registry
from hub.registry.index.ranking import HEADLINES, is_trusted
from hub.registry.names.stand_ins import MODULES, is_published, reads_zero_shot
from hub.registry.scores.in_language import scores_in_language
from hub.registry.scores.leaderboard import ranks
from hub.scores.metrics import COSTS, PARITY, is_control
from hub.scores.parity import derive_parities
from hub.scores.setting import setting_of
from hub.store import BlobStore

MAX_MODULES = 100
"""Modules of a base that are looked at for each language, the best first."""
MAX_SIMILAR = 5
"""Bases with the same conditioning whose modules are looked at, too."""
_UNPUBLISHED = "its weights are not published"
_SEEN = "seen"
"""The split of prompts that a module was trained on; other splits are more informative."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InLanguage:
    """The scores of a module in one language, and its unknowns."""

    language: str
    zero_shot: bool
    """Whether it was trained on other languages only."""
    score: Score | None
    """The score that it is ranked by."""
    rank: int | None
    """Its rank among the modules with comparable scores, ties sharing one; None without a score."""
    parity: float | None
    """The score's share of the base's English score, if the card has that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A module that can be loaded now."""

    module: Artifact
    fit: Fit
    languages: tuple[InLanguage, ...]
    memory: Memory
    why: tuple[str, ...]
    unknown: tuple[str, ...]
    """Values that were not measured or stated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Excluded:
    """A module for the language that is not recommended."""

    module: str
    reason: str


def find_ready(
    registry: Registry,
    store: BlobStore,
    base: Artifact,
    languages: Sequence[str],
    *,
    max_vram: float | None,
    readers: tuple[str, ...] | None,
) -> tuple[list[Ready], list[Excluded]]:
    """Return the modules that support at least one of `languages` on `base`, best first, and those that were left out.

    A module that reads a language zero-shot is left out if one that was trained on it fits. `max_vram`: gigabytes for all weights.
    """
    found: dict[str, tuple[Artifact, Fit]] = {}
    excluded: dict[str, Excluded] = {}
    reads: dict[str, list[str]] = defaultdict(list)
    for language in languages:
        for module, fit in _candidates(registry, base, language, readers):
            if problem := _problem(module, fit):
                excluded.setdefault(module.name.key, Excluded(module=str(module.name), reason=problem))
            else:
                found.setdefault(module.name.key, (module, fit))
                reads[language].append(module.name.key)
    standing: dict[str, list[InLanguage]] = defaultdict(list)
    for language, keys in reads.items():
        modules = [found[key][0] for key in keys]
        trained = [each for each in modules if not _is_zero_shot(each, language)]
        for each in modules:
            if trained and each not in trained:
                reason = f"it reads {language_name(language)} zero-shot, and `{trained[0].name}` was trained on it"
                excluded.setdefault(each.name.key, Excluded(module=str(each.name), reason=reason))
        for each, in_language in _rank(registry, trained or modules, base, language):
            standing[each.name.key].append(in_language)
    ready = []
    for key, known in standing.items():
        module, fit = found[key]
        memory = _memory(module, base, registry, store, max_vram, readers)
        if max_vram is not None and memory.gigabytes > max_vram:
            reason = f"its weights and the base's take {memory.gigabytes:.1f} GB even in {memory.dtype}, more than {max_vram:g} GB"
            excluded[key] = Excluded(module=str(module.name), reason=reason)
            continue
        excluded.pop(key, None)
        ready.append(
            Ready(
                module=module, fit=fit, languages=tuple(known), memory=memory, why=(*_why(known), *fit.reasons),
                unknown=tuple(_unknown(known, languages, memory)),
            )
        )  # fmt: skip
    unpublished_last = sorted(excluded.values(), key=lambda each: each.reason == _UNPUBLISHED)
    return sorted(ready, key=_order), unpublished_last


def _candidates(
    registry: Registry, base: Artifact, language: str, readers: tuple[str, ...] | None
) -> Iterator[tuple[Artifact, Fit]]:
    """Yield the modules for a language that are made for the base, or for one with the same conditioning."""
    bases = registry.find(Query(kind="base", sort="name", limit=1000, readers=readers, scores="best")).items
    similar = [each for each in bases if each.name != base.name and has_same_conditioning(each, base)]
    for made_for in (base, *similar[:MAX_SIMILAR]):
        query = Query(language=language, base=made_for.name.name, limit=MAX_MODULES, readers=readers, scores="best")
        for module in registry.find(query, explain=False).items:
            if module.kind not in MODULES:
                continue
            fits = [*judge_variants(registry, module, base, readers, made_for=made_for.name)]
            if fits:
                yield module, min(fits, key=lambda fit: not fit.fits)
            elif made_for == base:
                reason = "made for it, as its card says"
                yield (
                    module,
                    Fit(
                        module=str(module.name),
                        folder="",
                        base=str(base.name),
                        fits=True,
                        made_for_it=True,
                        reasons=(reason,),
                    ),
                )


def _problem(module: Artifact, fit: Fit) -> str:
    """Return why a module cannot be used on the base; empty if it can."""
    if not fit.fits:
        return "; ".join(fit.reasons)
    return "" if is_published(module) else _UNPUBLISHED


def _is_zero_shot(module: Artifact, language: str) -> bool:
    if module.trained_languages:
        return reads_zero_shot(module.trained_languages, language)
    return not any(covers(each, language) for each in module.languages)


def _rank(
    registry: Registry, modules: Sequence[Artifact], base: Artifact, language: str
) -> Iterator[tuple[Artifact, InLanguage]]:
    """Yield each module with its rank among those with comparable scores, and without one if it has none."""
    names = {*registry.base_names(base.name.name), str(base.name).lower()}
    read = scores_in_language(registry.database, [each.name.key for each in modules], language)
    scores = {
        each.name.key: [score for score in read.get(each.name.key, ()) if _is_quality(score, names)] for each in modules
    }
    chosen: dict[str, tuple[Score, int]] = {}
    for group in _groups(scores):
        rest = [(key, score) for key, score in group if key not in chosen]
        rest.sort(key=lambda each: each[1].value * (1 if each[1].better == "down" else -1))
        places = ranks([score for _, score in rest])
        offset = len(chosen)
        chosen |= {key: (score, offset + place) for (key, score), place in zip(rest, places, strict=True)}
    for each in modules:
        score, rank = chosen.get(each.name.key, (None, None))
        yield (
            each,
            InLanguage(
                language=language, zero_shot=_is_zero_shot(each, language), score=score, rank=rank,
                parity=_parity(each, score, read.get(each.name.key, ())),
            ),
        )  # fmt: skip


def _is_quality(score: Score, base_names: Iterable[str]) -> bool:
    is_about_base = not score.base or score.base.rpartition("/")[2].lower() in base_names
    return is_about_base and not is_control(score) and not score.metric.startswith((*COSTS, PARITY))


def trust_of(score: Score, key: str) -> int:
    """Return 0 for a reproduced score, 1 for one that a curated card reports of itself, 2 for other owners' own, 3 for reported ones.

    `key`: `owner/name` of the artifact. What a stranger writes into a card never passes what comes with linguahub.
    """
    if is_trusted(score, key.partition("/")[0]):
        return int(score.provenance is not Provenance.REPRODUCED)
    return 1 + [*Provenance].index(score.provenance)


def _groups(scores: dict[str, list[Score]]) -> list[list[tuple[str, Score]]]:
    """Group comparable scores: trusted ones first, then by metric, prompts that were not trained on, and number of modules."""
    groups: dict[tuple[str, ...], dict[str, Score]] = defaultdict(dict)
    for key, found in scores.items():
        for score in found:
            if score.provenance is not Provenance.DISPUTED:
                terms = (
                    str(trust_of(score, key)),
                    score.metric,
                    score.benchmark,
                    score.benchmark_digest,
                    score.split,
                    score.unit,
                )
                groups[*terms, score.better, setting_of(score)].setdefault(key, score)

    def order(terms: tuple[str, ...]) -> tuple[object, ...]:
        metric = terms[1].partition("[")[0]
        place = HEADLINES.index(metric) if metric in HEADLINES else len(HEADLINES)
        return terms[0], place, terms[4] == _SEEN, -len(groups[terms]), terms

    return [[*groups[terms].items()] for terms in sorted(groups, key=order)]


def _parity(module: Artifact, score: Score | None, scores: Sequence[Score]) -> float | None:
    """Return the parity that is derived from a score, or the one that was measured beside it."""
    if score is None:
        return None
    parities = derive_parities([*enumerate(scores)], module.name, module.kind, module.method, is_curated=False)
    return next((each.value for each in parities if _question(scores[each.position]) == _question(score)), None)


def _question(score: Score) -> Score:
    """Return what a score and its parity have in common."""
    return replace(score, metric=score.metric.removeprefix(PARITY), value=0.0, low=None, high=None, source="")


def _memory(
    module: Artifact,
    base: Artifact,
    registry: Registry,
    store: BlobStore,
    limit: float | None,
    readers: tuple[str, ...] | None,
) -> Memory:
    encoders = Counter(pin.name for variant in module.variants for pin in variant.encoders)
    names = [*encoders] or ([f"linguahub/{module.encoder}"] if module.encoder else [])
    parts, missing = [base], []
    for name in names:
        try:
            parts.append(registry.get(name, readers))
        except HubError:
            missing.append(name)
    if module.total_parameters:
        parts.append(module)
    return estimate_memory(tuple(parts), tuple(missing), registry, store, limit)


def _why(known: Sequence[InLanguage]) -> Iterator[str]:
    for each in known:
        name = language_name(each.language)
        if each.score is None:
            continue
        share = f", {each.parity:.0%} of the base's English score" if each.parity is not None else ""
        split = f"/{each.score.split}" if each.score.split else ""
        yield (
            f"{name}: {each.score.metric} {each.score.value:.3g} on {each.score.benchmark}{split}, {each.score.provenance}{share}"
        )


def _unknown(known: Sequence[InLanguage], languages: Sequence[str], memory: Memory) -> Iterator[str]:
    for each in known:
        name = language_name(each.language)
        if each.score is None:
            yield f"no score in {name}"
        if each.zero_shot:
            yield f"{name} is zero-shot: it was trained on other languages"
    for language in languages:
        if language not in {each.language for each in known}:
            yield f"it is not made for {language_name(language)}"
    if memory.unknown:
        yield f"memory of {', '.join(memory.unknown)}: no card states their parameters"


def _order(ready: Ready) -> tuple[object, ...]:
    """Order by languages served, then trust in the scores, then ranks; of ties, the one with the higher known parity comes first."""
    scores = [each.score for each in ready.languages if each.score is not None]
    trust = [trust_of(score, ready.module.name.key) for score in scores]
    ranked = [each.rank for each in ready.languages if each.rank is not None]
    return (
        -sum(not each.zero_shot for each in ready.languages), -len(ready.languages), -len(scores), max(trust, default=9),
        sum(ranked) / len(ranked) if ranked else 0, -sum(each.parity or 0 for each in ready.languages), ready.module.name.key,
    )  # fmt: skip
