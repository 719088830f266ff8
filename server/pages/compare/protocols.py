"""The scores of a comparison by protocol: an overview of all protocols, and a chart of one by language.

Artifacts have a lane each within the row of a language, so that their intervals do not hide each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hub.advice.comparison import BASE, ENGLISH, TRANSLATED, Comparison, Protocol, Row
from hub.records import Score
from server.pages import formatting
from server.pages.axis import axis_top, place, ticks

_DIGITS = 8
"""Digits of a benchmark's digest in addresses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolSummary:
    """How artifacts compare in a protocol."""

    value: str
    protocol: Protocol
    languages: int
    better: tuple[int, ...]
    """For each artifact, the number of languages in which its interval is entirely better than all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A value in the chart, in percent of width and height."""

    series: int | str
    """Position of the artifact, or name of the baseline."""
    x: float
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartRow:
    """A language."""

    language: formatting.LanguageName | None
    points: tuple[Point, ...]
    words: str
    """The values as text, for those who cannot see the chart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """The scores of a protocol by language."""

    rows: tuple[ChartRow, ...]
    baselines: tuple[str, ...]
    """The baselines in the chart."""
    translator: str
    ticks: tuple[tuple[float, str], ...]
    lanes: int
    """Lanes of each row: one for each artifact, and one for the baselines."""


def protocol_value(protocol: Protocol) -> str:
    """Return the text that stands for a protocol in addresses."""
    of = protocol
    parts = (
        of.metric, of.benchmark, of.benchmark_digest[:_DIGITS], of.split, of.base, of.provenance, of.setting, of.unit, of.better,
    )  # fmt: skip
    return ":".join(parts)


def overview_of(comparison: Comparison, protocols: Sequence[Protocol]) -> list[ProtocolSummary]:
    """Return a summary of each protocol, in their order."""
    best: dict[Protocol, list[int | None]] = {each: [] for each in protocols}
    for row in comparison.rows:
        if row.protocol in best:
            best[row.protocol].append(row.best)
    return [
        ProtocolSummary(
            value=protocol_value(each),
            protocol=each,
            languages=len(found),
            better=tuple(map(found.count, range(len(comparison.artifacts)))),
        )
        for each, found in best.items()
    ]


def chart_of(comparison: Comparison, rows: Sequence[Row]) -> Chart:
    """Return the chart of the rows of one protocol."""
    scores = [score for row in rows for score in (*row.scores, *row.baselines.values()) if score is not None]
    top = axis_top(scores[0], [score.value for score in scores])
    baselines = tuple(label for label in (BASE, TRANSLATED, ENGLISH) if any(label in row.baselines for row in rows))
    lanes = len(comparison.artifacts) + bool({BASE, TRANSLATED} & set(baselines))
    names = [formatting.short_name(each.name) for each in comparison.artifacts]
    return Chart(
        rows=tuple(_row(row, names, top, lanes) for row in rows),
        baselines=baselines,
        translator=next((row.translator for row in rows if row.translator), ""),
        ticks=ticks(top),
        lanes=lanes,
    )


def _row(row: Row, names: Sequence[str], top: float, lanes: int) -> ChartRow:
    language = formatting.language(row.language) if row.language else None
    points, words = [], []
    for number, (name, score) in enumerate(zip(names, row.scores, strict=True)):
        if score is not None:
            points.append(_point(number, score, top, (number + 0.5) / lanes))
            words.append(f"{name} {_in_words(score)}")
    for label, score in row.baselines.items():
        y = 0.5 if label == ENGLISH else 1 - 0.5 / lanes
        points.append(_point(label, score, top, y))
        words.append(f"{label} {formatting.number(score.value)}")
    named = f"{language.english}: " if language else ""
    return ChartRow(language=language, points=tuple(points), words=named + "; ".join(words))


def _point(series: int | str, score: Score, top: float, y: float) -> Point:
    low, high = (None if end is None else place(end, top) for end in (score.low, score.high))
    return Point(series=series, x=place(score.value, top), y=round(100 * y, 2), low=low, high=high)


def _in_words(score: Score) -> str:
    if score.low is None or score.high is None:
        return formatting.number(score.value)
    return f"{formatting.number(score.value)} ({formatting.number(score.low)}–{formatting.number(score.high)})"
