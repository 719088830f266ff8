"""The scores of an artifact as rows of a table: each with the controls that put it into perspective.

A card repeats every score for the base alone, for English prompts and for real images. Beside the score that they belong to, they take
no rows of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from hub.records import Artifact, Provenance, Score
from hub.registry.index.ranking import metric_place
from hub.registry.scores.rows import question_of
from hub.registry.scores.scores import PublishedScore
from hub.scores.metrics import BASE_ALONE, ENGLISH_BASE
from server.pages import formatting
from server.site.translation import gettext_noop

LABELS = {
    BASE_ALONE: gettext_noop("base alone"),
    ENGLISH_BASE: gettext_noop("English prompts"),
    "judge_ceiling_": gettext_noop("real images"),
}
"""Prefix of a control → what it measures."""
FLOORS = {"fid_floor": "fid", "kid_floor": "kid"}
"""Beginning of a control's name → that of its metric. The rest of both names is the same."""
FLOOR_LABEL = gettext_noop("floor")
_TRUST = tuple(Provenance)
"""Most trusted first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """A score with its controls."""

    published: PublishedScore
    controls: tuple[tuple[str, Score], ...] = ()
    """Name and value of each control."""

    @property
    def score(self) -> Score:
        """The score."""
        return self.published.score

    @property
    def task(self) -> str:
        """Benchmark, split and base, as in filters and headings."""
        return task_of(self.score)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A value of a filter."""

    value: str
    text: str
    is_chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreFilter:
    """Filters of the table. Empty fields do not filter."""

    task: str = ""
    metric: str = ""
    language: str = ""

    def accepts(self, row: ScoreRow) -> bool:
        """Return whether the table shows the row."""
        return (
            self.task in ("", row.task)
            and self.metric in ("", row.score.metric)
            and self.language in ("", row.score.language)
        )


def task_of(score: Score) -> str:
    """Return `emoji-generation, seen`, with the base if scores name one."""
    return ", ".join(filter(None, (score.benchmark, score.split, score.base and formatting.short_name(score.base))))


def score_rows(artifact: Artifact, published: Iterable[PublishedScore]) -> list[ScoreRow]:
    """Return the scores in order: by task as in the card, then by metric, the artifact's languages first.

    Left out is what the owner claims and this hub has reproduced, as in lists of artifacts.
    """
    every = list(published)
    reproduced = {question_of(each.score) for each in every if each.score.provenance is Provenance.REPRODUCED}
    listed = [
        each
        for each in every
        if each.score.provenance is not Provenance.SELF_REPORTED or question_of(each.score) not in reproduced
    ]
    own = {question_of(each.score) for each in listed}
    controls: dict[tuple[str, ...], dict[str, Score]] = {}
    left = []
    for each in listed:
        label, metric = control_of(each.score.metric)
        question = question_of(replace(each.score, metric=metric)) if label else ()
        beside = controls.setdefault(question, {}) if question in own else None
        if beside is None or label in beside or each.disputes or each.author:
            left.append(each)
        else:
            beside[label] = each.score
    rows = [
        ScoreRow(published=each, controls=tuple(controls.pop(question_of(each.score), {}).items()))
        for each in sorted(left, key=lambda each: _TRUST.index(each.score.provenance))
    ]
    order = list(dict.fromkeys(task_of(each.score) for each in listed))

    def key(row: ScoreRow) -> tuple[int, int, str, int, str, int]:
        score = row.score
        tags = artifact.languages
        place = tags.index(score.language) if score.language in tags else len(tags)
        return (
            order.index(row.task), metric_place(score.metric), score.metric, place, score.language,
            _TRUST.index(score.provenance),
        )  # fmt: skip

    return sorted(rows, key=key)


def control_of(metric: str) -> tuple[str, str]:
    """Return what a control measures and the metric that it belongs to; empty texts for other metrics."""
    for prefix, label in LABELS.items():
        if metric.startswith(prefix):
            return label, metric.removeprefix(prefix)
    for start, counterpart in FLOORS.items():
        if metric.startswith(start):
            return FLOOR_LABEL, counterpart + metric.removeprefix(start)
    return "", ""


def choices(values: Mapping[str, str] | Sequence[str], chosen: str) -> list[Choice]:
    """Return the values of a filter, given as value → text, or as values that are their own texts."""
    named = values if isinstance(values, Mapping) else {value: value for value in values}
    return [Choice(value=value, text=text, is_chosen=value == chosen) for value, text in named.items()]
