"""Read the parity map: base × language, raw, translated and through the best module.

A *trial* is what all parities of one map have in common: metric, benchmark, digest, split and setting. The parities of a trial are one
range of the index `parities_by_cell`. A query reads it from each cell to the next, and of each cell only the best parity, so that
the cost depends on the number of languages and not on that of the modules.
"""

# ruff: noqa: S608 - only constants and bound parameters are put into SQL here.
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING

from hub.names import ArtifactName
from hub.records import DATASET, Provenance, Score
from hub.registry.accounts.visibility import visibility_condition
from hub.registry.database.clock import from_column
from hub.registry.index.ranking import HEADLINES
from hub.registry.scores.rows import read_score
from hub.registry.scores.scores import score_id
from hub.scores.parity import SEPARATOR, Source, cell_of

if TYPE_CHECKING:
    from hub.registry.database.database import Database

MAX_TRIALS = 100
"""Maximum number of trials of a base that are looked at."""
MAX_CELLS = 1500
"""Maximum number of cells of a trial: three sources in 500 languages."""
_COMMON_SPLIT = "seen"
"""The split that a map shows if it can choose among several with the same number of languages: that of `hub evaluate`."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Trial:
    """The properties that all parities of one map share."""

    metric: str
    """With the judge: `r_precision_at_1[judge@1f0c22ab]`."""
    benchmark: str
    benchmark_digest: str
    split: str
    setting: str
    """The class of the sample size; see `hub.scores.setting`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapEntry:
    """One cell of the map."""

    base: str
    language: str
    source: Source
    value: float
    """Share of the base's English score."""
    low: float | None
    """Lower end of the 95 % interval."""
    high: float | None
    english: float | None
    """The base's English score; None if the score is a parity itself."""
    provenance: Provenance
    """The less trusted one of both scores."""
    artifact: ArtifactName
    """The module, or the artifact whose card has the score of the base alone."""
    method: str
    id: str
    """That of the score in the language."""
    score: Score
    at: datetime | None
    """When this hub, or the account that published it, measured it; None for a score of a card, which has no date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityQuery:
    """The parities to show. Empty fields do not filter."""

    base: str
    """As scores name it: `sdxl`, or `owner/name` for one that is not curated."""
    languages: tuple[str, ...] = ()
    metric: str = ""
    benchmark: str = ""
    split: str = ""
    readers: tuple[str, ...] | None = None
    """See `Query.readers`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityMap:
    """The parities of one base in one trial."""

    base: str
    trial: Trial | None
    """None if nothing is measured."""
    entries: tuple[MapEntry, ...]
    """By language, then by source."""
    others: tuple[Trial, ...]
    """Further trials of this base. They are not comparable with this one."""


def parity_map(database: Database, query: ParityQuery) -> ParityMap:
    """Return the map of a base: of several trials, one with the most informative metric and the most languages."""
    with database.snapshot():
        trials = [*trials_of(database, query)]
        best = min((place_of(each) for each in trials), default=0)
        chosen: Trial | None = None
        entries: list[MapEntry] = []
        for trial in sorted((each for each in trials if place_of(each) == best), key=_order):
            if len(found := _entries(database, query, trial)) > len(entries):
                chosen, entries = trial, found
    others = tuple(each for each in trials if each != chosen)
    return ParityMap(base=query.base, trial=chosen, entries=tuple(entries), others=others)


def place_of(trial: Trial) -> int:
    """Return the place of a trial's metric among the most informative ones; 0 is the first."""
    metric = trial.metric.partition("[")[0]
    return HEADLINES.index(metric) if metric in HEADLINES else len(HEADLINES)


def _order(trial: Trial) -> tuple[object, ...]:
    return trial.split != _COMMON_SPLIT, trial


def trials_of(database: Database, query: ParityQuery) -> Iterator[Trial]:
    """Yield the trials of a base, in order."""
    first, end = _range(query.base)
    for _ in range(MAX_TRIALS):
        rows = database.rows(
            "SELECT cell FROM parities WHERE cell >= :first AND cell < :end ORDER BY cell LIMIT 1",
            {"first": first, "end": end},
        )
        if not rows:
            return
        parts = rows[0][0].split(SEPARATOR)[1 : 1 + len(fields(Trial))]
        trial = Trial(**dict(zip((each.name for each in fields(Trial)), parts, strict=True)))
        first = _range(query.base, *parts)[1]
        if all(getattr(query, name) in {"", getattr(trial, name)} for name in ("benchmark", "split")) and (
            query.metric in {"", trial.metric, trial.metric.partition("[")[0]}
        ):
            yield trial


def _range(*parts: str) -> tuple[str, str]:
    """Return the first possible cell that begins with these parts, and the first text after all of them."""
    start = cell_of(*parts)
    return start + SEPARATOR, start + chr(ord(SEPARATOR) + 1)


def _entries(database: Database, query: ParityQuery, trial: Trial) -> list[MapEntry]:
    """Return the best parity of each cell of a trial that the readers may see."""
    prefix = (query.base, *asdict(trial).values())
    ranges = [_range(*prefix, language) for language in sorted(query.languages)] or [_range(*prefix)]
    return [entry for each in ranges for entry in _read(database, query, each)]


def _read(database: Database, query: ParityQuery, cells: tuple[str, str]) -> Iterator[MapEntry]:
    condition, values = visibility_condition(query.readers)
    following = "SELECT cell FROM parities WHERE cell {} AND cell < :end ORDER BY cell LIMIT 1"
    best = (
        "SELECT parities.id FROM parities JOIN artifacts ON artifacts.id = parities.artifact_id "
        f"WHERE parities.cell = cells.cell AND (NOT private OR {condition}) ORDER BY parities.rank, parities.artifact_id LIMIT 1"
    )
    rows = database.rows(
        f"WITH RECURSIVE cells(cell, number) AS (SELECT ({following.format('>= :first')}), 1 UNION ALL "
        f"SELECT ({following.format('> cells.cell')}), number + 1 FROM cells WHERE cell IS NOT NULL AND number < :most) "
        "SELECT parities.cell, parities.value AS parity, parities.low AS parity_low, parities.high AS parity_high, english, "
        "parities.provenance AS parity_provenance, scores.*, artifacts.owner, artifacts.name, artifacts.kind, artifacts.method "
        f"FROM cells JOIN parities ON parities.id = ({best}) "
        "JOIN scores ON scores.artifact_id = parities.artifact_id AND scores.position = parities.position "
        "JOIN artifacts ON artifacts.id = parities.artifact_id ORDER BY parities.cell",
        {**values, "first": cells[0], "end": cells[1], "most": MAX_CELLS},
    )
    for row in rows:
        language, source = row["cell"].split(SEPARATOR)[-2:]
        score = read_score(row)
        yield MapEntry(
            base=query.base, language=language, source=Source(source), value=row["parity"], low=row["parity_low"],
            high=row["parity_high"], english=row["english"], provenance=Provenance(row["parity_provenance"]),
            artifact=ArtifactName(row["owner"], row["name"], row["kind"] == DATASET), method=row["method"], id=score_id(score),
            score=score, at=from_column(row["published_at"]),
        )  # fmt: skip
