"""Decide which metrics a run computes, before anything is generated."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hub.errors import InvalidRequest, UnknownMetric
from trainers.evaluation.prompts.prompt_set import BenchmarkPrompt

METRICS = ("r_precision", "clip_score", "parity", "english_drop", "fid", "kid", "text_accuracy", "culture_score")
"""Values of `--metric`."""
ENGLISH = "en"
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """The facts that decide which metrics are possible."""

    benchmark: str
    prompts: Sequence[BenchmarkPrompt]
    has_references: bool
    is_about_culture: bool
    is_module: bool
    """Whether the subject is a module, not a base alone."""
    width: int
    """Width of the judge's features."""

    @property
    def fewest(self) -> int:
        """Fewest images of a Fréchet distance: below, the covariance of the features is singular."""
        return self.width + 1


def check_metrics(wanted: Sequence[str]) -> None:
    """Raise `UnknownMetric` for a metric that does not exist."""
    for metric in wanted:
        if metric not in METRICS:
            raise UnknownMetric(
                metric, METRICS, listing="hub evaluate --help", more=f" Available: {', '.join(METRICS)}."
            )


def choose_metrics(wanted: Sequence[str], situation: Situation, *, force: bool, quiet: bool) -> set[str]:
    """Return the metrics to compute: the wanted ones, or all that are possible.

    Raises `InvalidRequest` for a wanted metric that is not possible here, with the reason.
    """
    problems = _problems(situation, force=force)
    for metric in wanted:
        if metric in problems:
            raise InvalidRequest(f"`{metric}` cannot be computed on `{situation.benchmark}`: {problems[metric]}")
    too_few = problems.get("fid", "")
    if not wanted and situation.has_references and too_few and not quiet:
        logger.warning("%s: fid is left out: %s", situation.benchmark, too_few)
    return set(wanted) or {metric for metric in METRICS if metric not in problems}


def _problems(situation: Situation, *, force: bool) -> Mapping[str, str]:
    """Return the reasons why metrics are not possible."""
    prompts, count = situation.prompts, len(situation.prompts)
    problems = {}
    if not situation.has_references:
        problems["fid"] = problems["kid"] = "its folder has no reference images."
    elif count < situation.fewest and not (force and count >= 4):
        problems["fid"] = (
            f"{count} images are too few for features of width {situation.width}, whose covariance needs at least {situation.fewest}: "
            "raise --n, choose kid, or pass --force for a labelled value."
        )
    if situation.has_references and count < 4:
        problems["kid"] = f"{count} images are too few, it needs at least 4: raise --n."
    if not any(prompt.written for prompt in prompts):
        problems["text_accuracy"] = "its prompts request no text."
    if not situation.is_about_culture:
        problems["culture_score"] = "its prompts are not about the culture of their language."
    if not situation.is_module:
        problems["english_drop"] = "the subject is a base, not a module."
        if prompts[0].language == ENGLISH:
            problems["parity"] = "the subject is a base and the prompts are English already."
    return problems
