"""Find artifacts by the value of a metric.

Only scores of one provenance and one scale are compared: what this hub has reproduced and what others claim are not comparable, nor
are per cent and shares. An order by value is one ranking (`hub.registry.scores.rankings`). Four indexes order scores by value: by
metric, by language, by ranking, and by language and ranking. A query becomes a few ranges of one index; the best scores are at one
end of each range.
"""

# ruff: noqa: S608 - only names of columns and bound parameters are put into SQL here.
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from hub.errors import InvalidRequest
from hub.records import Provenance, Score
from hub.registry.accounts.visibility import visibility_condition
from hub.registry.index.ranking import HEADLINES
from hub.registry.scores.rankings import COLUMNS, Ranking, distinct_rankings, rankings
from hub.registry.scores.rows import read_score

if TYPE_CHECKING:
    from hub.records import Query
    from hub.registry.database.database import Database

_COMPARED = (Provenance.REPRODUCED, Provenance.SELF_REPORTED, Provenance.REPORTED)
MAX_RANGES = 60
"""Maximum number of index ranges of a query; with more benchmarks, splits and languages, scores are checked one by one."""
SAMPLE = 100
"""Number of scores that the scale is read from."""
MAX_LISTED = 8
"""Benchmarks that a message lists."""
_OVERREAD = 2
"""Number of scores that are first read per requested artifact, because an artifact can have several."""


@dataclass(frozen=True, slots=True)
class MetricFilter:
    """The scores that a query selects."""

    ranges: tuple[str, ...]
    """SQL conditions on a row of `scores`, of which one must hold besides `limits`: each is a prefix of an index by value."""
    limits: str
    """SQL condition on the value; empty without bounds."""
    conditions: tuple[str, ...]
    """SQL conditions on a row of `scores` that must all hold, equivalent to `ranges`.

    They include unit and direction: values in per cent are not compared with shares.
    """
    values: dict[str, Any]
    better: str
    """`up` or `down`."""

    @property
    def where(self) -> str:
        """SQL condition on the scores of a given artifact.

        Appending empty strings keeps databases from reading an index by metric for each artifact.
        """
        own = [f"scores.{column} || '' {rest}" for column, _, rest in (each.partition(" ") for each in self.conditions)]
        return " AND ".join(filter(None, [*own, self.limits]))

    @property
    def exists(self) -> str:
        """SQL condition on a row of `artifacts`."""
        return f"(SELECT 1 FROM scores WHERE scores.artifact_id = artifacts.id AND {self.where} LIMIT 1) IS NOT NULL"

    @property
    def best_first(self) -> str:
        """SQL direction of values, and of equal values."""
        return "DESC" if self.better == "up" else "ASC"

    @property
    def among(self) -> str:
        """SQL condition like `exists`, for few scores: their artifacts are read once, and compared with each row's id."""
        ids = f"SELECT artifact_id FROM {self.union_ranges('SELECT scores.artifact_id FROM scores WHERE', '')}"
        return f"CASE WHEN +artifacts.id IN ({ids}) THEN TRUE ELSE FALSE END"

    def union_ranges(self, question: str, end: str) -> str:
        """Return the union of `question` over all ranges; `end` follows each range."""
        more = f" AND {self.limits}" if self.limits else ""
        selects = (f"SELECT * FROM ({question} {one}{more} {end}) AS part" for one in self.ranges)
        return f"({' UNION ALL '.join(selects)}) AS parts"


def metric_filter(
    database: Database, query: Query, tags: Sequence[str], ranking: Ranking | None = None
) -> MetricFilter:
    """Return the scores that `query` selects. `tags`: the languages that match its language; empty for all.

    `ranking`: the only one whose scores count, as an order by value needs.
    """
    values: dict[str, Any] = {"score_metric": query.metric, "score_provenance": str(query.provenance)}
    names = {f"score_tag_{number}": tag for number, tag in enumerate(tags)}
    conditions = ["metric = :score_metric", "provenance = :score_provenance"]
    conditions += [f"language IN ({', '.join(f':{name}' for name in names)})"] if tags else []
    start = "scores.metric = :score_metric AND scores.provenance = :score_provenance"
    starts = [f"scores.language = :{name} AND {start}" for name in names] or [start]
    limits = []
    for name, sign in (("min_value", ">="), ("max_value", "<=")):
        if (limit := getattr(query, name)) is not None:
            values[f"score_{name}"] = limit
            limits.append(f"scores.value {sign} :score_{name}")
    unit, better = (ranking.unit, ranking.better) if ranking else _scale(database, query)
    found = (
        [ranking]
        if ranking
        else [
            each
            for each in distinct_rankings(
                database, query.metric, query.provenance, benchmark=query.benchmark, split=query.split
            )
            if (each.unit, each.better) == (unit, better)
        ]
    )
    wanted = {column: getattr(ranking, column) for column in COLUMNS} if ranking else {"unit": unit, "better": better}
    wanted |= {name: value for name in ("benchmark", "split") if (value := getattr(query, name)) and not ranking}
    conditions += [f"{column} = :score_{column}" for column in wanted]
    values |= {f"score_{column}": value for column, value in wanted.items()}
    if len(found) * len(starts) <= MAX_RANGES:
        places = [
            " AND ".join(f"scores.{column} = :{column}_{number}" for column in COLUMNS)
            for number, _ in enumerate(found)
        ]
        starts = [f"{start} AND {place}" for start, place in product(starts, places)]
        values |= {
            f"{column}_{number}": getattr(each, column) for number, each in enumerate(found) for column in COLUMNS
        }
    elif query.benchmark or query.split:
        starts = [" AND ".join(f"scores.{each}" for each in conditions)]
    else:
        starts = [f"{start} AND scores.unit = :score_unit AND scores.better = :score_better" for start in starts]
    return MetricFilter(tuple(starts), " AND ".join(limits), tuple(conditions), values | names, better)


def _scale(database: Database, query: Query) -> tuple[str, str]:
    """Return the unit and direction of most of the first scores, so that a few others cannot turn a ranking around."""
    known = {"metric": query.metric, "provenance": str(query.provenance)}
    known |= {"benchmark": query.benchmark} if query.benchmark else {}
    same = " AND ".join(f"{name} = :{name}" for name in known)
    found = database.rows(
        f"SELECT unit, better FROM (SELECT unit, better FROM scores WHERE {same} LIMIT {SAMPLE}) AS sample "
        "GROUP BY unit, better ORDER BY count(*) DESC, unit, better LIMIT 1",
        known,
    )
    return (found[0][0], found[0][1]) if found else ("1", "up")


def measured_with(database: Database, readers: tuple[str, ...] | None) -> list[tuple[str, str, str]]:
    """Return benchmarks, metrics and provenances that artifacts can be compared by, among scores that `readers` may see."""
    return list(dict.fromkeys(each[:3] for each in scales(database, readers)))


def scales(database: Database, readers: tuple[str, ...] | None) -> list[tuple[str, str, str, str]]:
    """Return benchmarks, metrics, provenances and splits that artifacts can be compared by, among scores that `readers` may see.

    Only metrics of quality; see `hub.registry.index.ranking`.
    """
    found: dict[tuple[str, str, str, str], None] = {}
    for metric, provenance in product(HEADLINES, _COMPARED):
        for each in distinct_rankings(database, metric, provenance):
            known = {"metric": metric, "provenance": str(provenance), "benchmark": each.benchmark, "split": each.split}
            scale = (each.benchmark, metric, str(provenance), each.split)
            if scale not in found and _is_visible(database, known, readers):
                found[scale] = None
    return list(found)


def best_values(
    database: Database, query: Query, ids: Sequence[int], tags: Sequence[str], ranking: Ranking | None
) -> dict[int, Score]:
    """Map artifact ids to their best score of the metric of `query`."""
    asked = metric_filter(database, query, tags, ranking)
    among, values = database.in_list("scores.artifact_id", ids, "ids")
    rows = database.rows(
        f"SELECT * FROM scores WHERE {among} AND {asked.where} ORDER BY value {asked.best_first}, position",
        {**asked.values, **values},
    )
    found: dict[int, Score] = {}
    for row in rows:
        found.setdefault(row["artifact_id"], read_score(row))
    return found


def _is_visible(database: Database, known: dict[str, str], readers: tuple[str, ...] | None) -> bool:
    """Return whether `readers` may see one of the scores with a metric, provenance and benchmark."""
    if readers is None:
        return True
    visible, values = visibility_condition(readers)
    question = (
        "SELECT 1 FROM scores JOIN artifacts ON artifacts.id = scores.artifact_id WHERE metric = :metric "
        f"AND provenance = :provenance AND benchmark = :benchmark AND split = :split AND (NOT private OR {visible}) LIMIT 1"
    )
    return bool(database.rows(question, {**known, **values}))


def the_ranking(
    database: Database, query: Query, tags: Sequence[str], readers: tuple[str, ...] | None
) -> Ranking | None:
    """Return the ranking that `query` orders artifacts by: the largest that `readers` may see; None without scores.

    `tags`: the languages that match its language; empty for all.

    Raises InvalidRequest if scores on several benchmarks could be meant: their protocols differ, so only a person can choose.
    """
    found = rankings(
        database, query.metric, query.provenance, benchmark=query.benchmark, split=query.split, languages=tags, readers=readers
    )  # fmt: skip
    benchmarks = sorted({each.benchmark for each in found})
    if len(benchmarks) > 1:
        raise InvalidRequest(
            f"`{query.metric}` has {query.provenance} scores on several benchmarks, which are not comparable: choose one with "
            f"`benchmark`: {', '.join(benchmarks[:MAX_LISTED])}."
        )
    return found[0] if found else None


def sort_by_score(database: Database, score_filter: MetricFilter, ids: Sequence[int]) -> list[int]:
    """Return the `ids` that have such a score, the best value first."""
    among, values = database.in_list("scores.artifact_id", ids, "ids")
    best = "max" if score_filter.better == "up" else "min"
    rows = database.rows(
        f"SELECT artifact_id FROM scores WHERE {among} AND {score_filter.where} "
        f"GROUP BY artifact_id ORDER BY {best}(value) {score_filter.best_first}, artifact_id {score_filter.best_first}",
        {**values, **score_filter.values},
    )
    return [row[0] for row in rows]


def artifacts_with_score(database: Database, score_filter: MetricFilter, limit: int) -> list[int]:
    """Return up to `limit` + 1 artifacts with such a score, in no order."""
    if not score_filter.ranges:
        return []
    found: list[int] = []
    # The first scores are nearly always of enough artifacts. PostgreSQL reads all scores of a range to find distinct artifacts.
    for distinct, stride in (("", _OVERREAD * (limit + 1)), ("DISTINCT", limit + 1)):
        parts = score_filter.union_ranges(f"SELECT {distinct} scores.artifact_id FROM scores WHERE", "LIMIT :stride")
        rows = database.rows(
            f"SELECT DISTINCT artifact_id FROM {parts} LIMIT :limit",
            {**score_filter.values, "stride": stride, "limit": limit + 1},
        )
        found = [row[0] for row in rows]
        if len(found) > limit:
            break
    return found


def count_scores(database: Database, score_filter: MetricFilter, limit: int) -> int:
    """Return the number of such scores, or a number from `limit` on."""
    count = 0
    for part in score_filter.ranges:
        where = " AND ".join(filter(None, (part, score_filter.limits)))
        question = f"SELECT count(*) FROM (SELECT 1 FROM scores WHERE {where} LIMIT :limit) AS counted"
        count += int(database.rows(question, {**score_filter.values, "limit": limit - count})[0][0])
        if count >= limit:
            break
    return count


def score_page(
    database: Database,
    score_filter: MetricFilter,
    conditions: Sequence[str],
    values: dict[str, Any],
    limit: int,
    offset: int,
) -> list[int]:
    """Return a page of the artifacts that satisfy `conditions`, by their best such score, reading ranges from their best end."""
    if not score_filter.ranges or not limit:
        return []
    joined = "JOIN artifacts ON artifacts.id = scores.artifact_id " if conditions else ""
    question = f"SELECT scores.artifact_id, scores.value FROM scores {joined}WHERE {' AND '.join([*conditions, ''])}"
    order = f"ORDER BY value {score_filter.best_first}, artifact_id {score_filter.best_first} LIMIT :stride"
    parts = score_filter.union_ranges(
        question, order.replace("value", "scores.value").replace(" artifact_id", " scores.artifact_id")
    )
    stride = _OVERREAD * (offset + limit)
    while True:
        with database.in_order():
            rows = database.rows(
                f"SELECT artifact_id FROM {parts} {order}", {**values, **score_filter.values, "stride": stride}
            )
        found = list(dict.fromkeys(row[0] for row in rows))
        if len(found) >= offset + limit or len(rows) < stride:
            return found[offset : offset + limit]
        stride *= 4
