"""One chart per task: the most informative metric by language, with its interval and the baselines of the same benchmark and split.

The marks differ by shape, so that the chart can be read without colours. Places are in percent: the chart has any width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hub.local import LocalHub
from hub.records import Artifact, Provenance, Score
from hub.registry.scores.baselines import translation_scores
from hub.scores.metrics import BASE_ALONE, COSTS, ENGLISH_BASE
from server.pages import formatting
from server.pages.artifact.scores.score_rows import LABELS, ScoreRow, control_of
from server.pages.axis import axis_top, place, ticks
from server.site.translation import gettext, gettext_noop

SHOWN_LANGUAGES = 16
"""Languages that are shown at once; the others are one click away."""
MAX_CHARTS = 8
_TRANSLATED = gettext_noop("translated")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A value on the axis."""

    series: str
    value: float
    place: float
    """Percent of the width."""
    low: float | None = None
    """Ends of the interval, in percent of the width."""
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartRow:
    """One language."""

    language: formatting.LanguageName | None
    own: Mark
    others: tuple[Mark, ...]
    words: str
    """The values as text, for those who cannot see the chart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """The scores of one task in one metric."""

    task: str
    metric: str
    unit: str
    better: str
    rows: tuple[ChartRow, ...]
    series: tuple[str, ...]
    """The baselines in the chart."""
    provenances: tuple[str, ...]
    """Provenances of the artifact's own scores in the chart."""
    translator: str
    """Name of the translation baseline; empty without one."""
    ticks: tuple[tuple[float, str], ...]
    """Place and text of the lines of the axis."""
    shown: int = SHOWN_LANGUAGES


@dataclass(slots=True)
class _Values:
    own: Score
    others: dict[str, Score] = field(default_factory=dict)


def charts(hub: LocalHub, artifact: Artifact, rows: Sequence[ScoreRow]) -> list[Chart]:
    """Return a chart for each task that has a score in a language, up to MAX_CHARTS. `rows` are in the order of `score_rows`."""
    tasks: dict[tuple[str, str], list[ScoreRow]] = {}
    for row in rows:
        tasks.setdefault((row.task, row.score.benchmark_digest), []).append(row)
    found = [_chart(hub, artifact, listed) for listed in tasks.values()]
    return [chart for chart in found if chart is not None][:MAX_CHARTS]


def _chart(hub: LocalHub, artifact: Artifact, rows: Sequence[ScoreRow]) -> Chart | None:
    first = next((row.score for row in rows if row.score.language and _is_charted(row.score)), None)
    if first is None:
        return None
    values: dict[str, _Values] = {}
    for row in rows:
        score = row.score
        is_same = (score.metric, score.unit, score.better) == (first.metric, first.unit, first.better)
        if is_same and score.language and _is_charted(score):
            # The rows of a language are sorted by trust: the first one counts.
            values.setdefault(score.language, _Values(score, dict(row.controls)))
    translator = _add_baselines(hub, artifact, first, values)
    top = axis_top(first, [score.value for each in values.values() for score in (each.own, *each.others.values())])
    series = [name for name in (*LABELS.values(), _TRANSLATED) if any(name in each.others for each in values.values())]
    return Chart(
        task=rows[0].task, metric=first.metric, unit=first.unit, better=first.better,
        rows=tuple(_row(tag, each, series, top) for tag, each in values.items()),
        series=tuple(series), translator=translator,
        provenances=tuple(dict.fromkeys(str(each.own.provenance) for each in values.values())),
        ticks=ticks(top),
    )  # fmt: skip


def _is_charted(score: Score) -> bool:
    return (
        score.provenance is not Provenance.DISPUTED
        and not control_of(score.metric)[0]
        and not score.metric.startswith((*COSTS, "english_drop"))
    )


def _add_baselines(hub: LocalHub, artifact: Artifact, like: Score, values: dict[str, _Values]) -> str:
    """Add what translating the prompts reaches, and the base alone where the artifact has no such score. Return the translator."""
    if not like.base or not like.benchmark_digest:
        return ""
    controls = {BASE_ALONE + like.metric: LABELS[BASE_ALONE], ENGLISH_BASE + like.metric: LABELS[ENGLISH_BASE]}
    series = {like.metric: _TRANSLATED} | controls
    found = translation_scores(hub.registry.database, like, tuple(series), artifact.name)
    translator = ""
    for name, score in found:
        if score.language in values and score.unit == like.unit:
            label = series[score.metric]
            values[score.language].others.setdefault(label, score)
            translator = translator or (str(name) if label == _TRANSLATED else "")
    return translator


def _row(tag: str, values: _Values, series: Sequence[str], top: float) -> ChartRow:
    language = formatting.language(tag)
    others = tuple(_mark(name, values.others[name], top) for name in series if name in values.others)
    own = _mark("", values.own, top)
    interval = ""
    if values.own.low is not None and values.own.high is not None:
        interval = f" ({formatting.number(values.own.low)}–{formatting.number(values.own.high)})"
    words = [f"{language.name}: {formatting.number(own.value)}{interval}"]
    words += [f"{gettext(mark.series)} {formatting.number(mark.value)}" for mark in others]
    return ChartRow(language=language, own=own, others=others, words="; ".join(words))


def _mark(series: str, score: Score, top: float) -> Mark:
    low, high = (None if end is None else place(end, top) for end in (score.low, score.high))
    return Mark(series=series, value=score.value, place=place(score.value, top), low=low, high=high)
