"""Gaps of a language: bases without a module, benchmarks without a score, and the cost of training a module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hub.advice.recommend import Question, advise_training
from hub.advice.tables import costs, family_of
from hub.advice.ways_to_train import Training
from hub.catalogue.benchmark_facts import written_benchmarks
from hub.names import ArtifactName
from hub.records import Artifact, Query
from hub.registry import CURATED_OWNER, Registry
from hub.registry.names.stand_ins import MODULES
from hub.registry.scores.scored_benchmarks import benchmarks_in_language
from hub.store import BlobStore

MAX_CHECKED = 3
"""Bases that are searched one by one where a language has too many modules to count them by base."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageGaps:
    """Gaps of a language."""

    bases: tuple[ArtifactName, ...]
    """Bases that `hub train` trains for and that no module for the language is made for, those with the most modules first."""
    unscored: tuple[str, ...]
    """Benchmarks of `hub evaluate` without a score in the language. Some may have no data in it."""
    base: ArtifactName | None
    """The base that `training` is for: one whose cost of training is known, of `bases` if possible; None if there is none."""
    training: Training | None
    """The most promising way to train a module, as `recommend` has it."""


def language_gaps(
    registry: Registry, store: BlobStore, language: str, bases: Sequence[Artifact], readers: tuple[str, ...] | None
) -> LanguageGaps:
    """Return what is missing for a language, given all bases."""
    popular = registry.find(Query(limit=0, readers=readers)).facets["base"]
    trainable = [each for each in bases if each.name.owner == CURATED_OWNER and family_of(each.name.name)]
    trainable.sort(key=lambda each: (-popular.get(each.name.name, 0), each.name.key))
    modules = Query(language=language, kind=",".join(MODULES), limit=0, readers=readers)
    missing = _without_module(registry, modules, trainable)
    scored = benchmarks_in_language(registry.database, language, readers)
    training: Sequence[Training] = ()
    counted = {base for what, base in costs() if what != "image"}
    with_cost = (each for each in (*missing, *trainable) if each.name.name in counted)
    base = next(with_cost, next(iter(missing), None))
    if base is not None:
        question = Question(languages=(language,), base=base.name.name, readers=readers)
        training, _ = advise_training(registry, store, base, question.languages, question)
    return LanguageGaps(
        bases=tuple(each.name for each in missing), unscored=tuple(each for each in written_benchmarks() if each not in scored),
        base=base.name if base else None, training=training[0] if training else None,
    )  # fmt: skip


def _without_module(registry: Registry, modules: Query, bases: Sequence[Artifact]) -> list[Artifact]:
    """Return those of `bases` that none of `modules` is made for; of the first ones only, where there are too many modules."""
    found = registry.find(modules)
    missing = [each for each in bases if not found.facets["base"].get(each.name.name)]
    if found.is_exact and sum(found.facets["kind"].values()) >= found.total:
        return missing
    return [each for each in missing[:MAX_CHECKED] if not registry.find(replace(modules, base=each.name.name)).total]
