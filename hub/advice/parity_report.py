"""Put together what is known of the parity of bases, what is only reported elsewhere, and how to measure what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from hub.advice.measuring import MeasurementPlan, measurement
from hub.errors import UnknownMetric
from hub.publish.composition import find_base
from hub.records import Artifact, Provenance, Query, Score
from hub.registry import CURATED_OWNER, Registry
from hub.registry.scores.parity_map import MapEntry, ParityMap, ParityQuery, parity_map
from hub.scores.metrics import COSTS
from hub.scores.parity import Source

MAX_BASES = 200
"""Bases of a map without `base`."""
MAX_MODULES = 20
"""Modules of a base whose reported scores are listed."""
EXAMPLE = "yo"
"""The language of an example command if none was requested."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A score from elsewhere that is not a parity, because the base's English score is not known."""

    artifact: str
    score: Score


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityReport:
    """The parity of one base."""

    base: Artifact
    parities: ParityMap
    missing: tuple[str, ...]
    """Requested languages, or those with modules, that have no parity."""
    reported: tuple[Reported, ...]
    measure: MeasurementPlan | None
    """For the first missing language, or as an example; None if no benchmark judges what the base makes."""


def parity_report(
    registry: Registry,
    base: str,
    languages: tuple[str, ...] = (),
    *,
    metric: str = "",
    benchmark: str = "",
    split: str = "",
    readers: tuple[str, ...] | None = None,
) -> ParityReport:
    """Return the parity of a base, in `languages` or in all. Raises UnknownBase, and UnknownMetric for filters without any parity."""
    found = find_base(registry, base, readers)
    query = ParityQuery(
        base=name_in_scores(found),
        languages=languages,
        metric=metric,
        benchmark=benchmark,
        split=split,
        readers=readers,
    )
    parities = parity_map(registry.database, query)
    if parities.trial is None and (metric or benchmark or split):
        every = parity_map(registry.database, ParityQuery(base=query.base, readers=readers))
        known = [every.trial, *every.others] if every.trial else []
        if known and not any(_matches(each, query) for each in known):
            raise UnknownMetric(
                "/".join(filter(None, (metric, benchmark, split))),
                [f"{each.metric} on {each.benchmark}/{each.split}" for each in known],
                listing=f"hub parity --base {found.name.name}",
            )
    measured = {each.language for each in parities.entries}
    wanted = languages or tuple(sorted(registry.find(Query(limit=0, readers=readers)).facets["language"]))
    missing = tuple(each for each in wanted if each not in {*measured, "en", "mul"})
    return ParityReport(
        base=found, parities=parities, missing=missing, reported=tuple(_reported(registry, found, languages, readers)),
        measure=measurement(found, missing[0] if languages and missing else EXAMPLE),
    )  # fmt: skip


def parity_overview(
    registry: Registry,
    languages: tuple[str, ...] = (),
    *,
    metric: str = "",
    benchmark: str = "",
    split: str = "",
    readers: tuple[str, ...] | None = None,
) -> list[tuple[Artifact, ParityMap]]:
    """Return every base with its map, those with the most parities first; a base without any has an empty map."""
    bases = registry.find(Query(kind="base", sort="name", limit=MAX_BASES, readers=readers, scores="best")).items
    asked = ParityQuery(base="", languages=languages, metric=metric, benchmark=benchmark, split=split, readers=readers)
    maps = [(each, parity_map(registry.database, replace(asked, base=name_in_scores(each)))) for each in bases]
    return sorted(maps, key=lambda each: (-len(each[1].entries), each[0].name.key))


def name_in_scores(base: Artifact) -> str:
    """Return a base as scores name it: without the owner if it is curated."""
    return base.name.name if base.name.owner == CURATED_OWNER else str(base.name)


def _matches(trial: Any, query: ParityQuery) -> bool:
    is_metric = query.metric in {"", trial.metric, trial.metric.partition("[")[0]}
    return is_metric and query.benchmark in {"", trial.benchmark} and query.split in {"", trial.split}


def _reported(
    registry: Registry, base: Artifact, languages: tuple[str, ...], readers: tuple[str, ...] | None
) -> Iterator[Reported]:
    """Yield what others report of the base, and of its modules, on generated images."""
    modules = registry.find(Query(base=base.name.name, limit=MAX_MODULES, readers=readers)).items
    for artifact in (base, *modules):
        for score in artifact.scores:
            is_about_it = score.base in {"", base.name.name} if artifact == base else score.base == base.name.name
            if (
                score.provenance is Provenance.REPORTED
                and is_about_it
                and not score.metric.startswith(COSTS)
                and (not languages or score.language in {"", *languages})
            ):
                yield Reported(artifact=str(artifact.name), score=score)


def as_json(report: ParityReport) -> dict[str, Any]:
    """Return a report as the API and `--json` write it."""
    return {
        **map_as_json(report.base, report.parities),
        "missing": list(report.missing),
        "reported": [{"artifact": each.artifact, "score": asdict(each.score)} for each in report.reported],
        "measure": asdict(report.measure) if report.measure else None,
    }


def map_as_json(base: Artifact, parities: ParityMap) -> dict[str, Any]:
    """Return a map as JSON: a row for each language, with a cell for each source or null."""
    rows: dict[str, dict[str, Any]] = {}
    for entry in parities.entries:
        row = rows.setdefault(entry.language, {"language": entry.language, **dict.fromkeys(map(str, Source))})
        row[str(entry.source)] = _cell(entry)
    return {
        "base": str(base.name),
        "trial": asdict(parities.trial) if parities.trial else None,
        "other_trials": [asdict(each) for each in parities.others],
        "rows": [*rows.values()],
        "missing": [],
        "reported": [],
        "measure": None,
    }


def _cell(entry: MapEntry) -> dict[str, Any]:
    return {
        "value": entry.value, "low": entry.low, "high": entry.high, "score": entry.score.value, "english": entry.english,
        "sample_size": entry.score.sample_size, "provenance": entry.provenance.value, "artifact": str(entry.artifact),
        "method": entry.method, "id": entry.id, "record": f"/api/v1/artifacts/{entry.artifact}/scores/{entry.id}",
        "at": entry.at.isoformat() if entry.at else None,
    }  # fmt: skip
