"""Look up measured cells, and combine them into shares with intervals.

Shares over several languages or seeds are bootstrapped over concepts: images of one concept, in several languages or with different
noise, are not independent.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import torch

from trainers.evaluation.confidence import Interval, bootstrap_mean, bootstrap_ratio, wilson
from trainers.lab.stage_options import CARDS
from trainers.lab.study.cells import Result
from trainers.lab.study.subjects import ENGLISH, FIVE, Subject

Key = tuple[str, str, str, str, str]


class Measured:
    """The results of a work folder."""

    def __init__(self, results: Iterable[Result]) -> None:
        self.results = list(results)
        largest: dict[tuple[Key, int], Result] = {}
        for each in sorted(self.results, key=lambda each: each.cell.count or sys.maxsize):
            cell = each.cell
            largest[(cell.kind, cell.subject, cell.language, cell.split, cell.variant), cell.seed] = each
        self._by_key: dict[Key, list[Result]] = defaultdict(list)
        for (key, _), each in sorted(largest.items(), key=lambda item: item[0]):
            self._by_key[key].append(each)

    def find(self, kind: str, subject: str, language: str = "", split: str = "", variant: str = "") -> list[Result]:
        """Return the result of each seed, that with most prompts; empty if none is measured."""
        return self._by_key.get((kind, subject, language, split, variant), [])

    def value(self, kind: str, subject: str, key: str, language: str = "", split: str = "") -> Any:
        """Return one measured value, or None."""
        found = self.find(kind, subject, language, split)
        return found[0].found.get(key) if found else None

    def share(
        self,
        subject: str,
        languages: Sequence[str],
        split: str,
        *,
        rank: int = 1,
        variant: str = "",
        seeds: Sequence[int] | None = None,
    ) -> Interval | None:
        """Return the share of images whose right name is among the `rank` nearest, or None if a language is missing."""
        hits, tries = self._hits(subject, languages, split, rank, variant, seeds)
        if not hits:
            return None
        units = sorted(hits)
        value = sum(hits.values()) / sum(tries.values())
        if value in {0.0, 1.0} or max(tries.values()) == 1:
            return wilson(round(value * len(units)), len(units))  # A bootstrap of equal values has no width.
        return bootstrap_ratio(_tensor(hits, units), _tensor(tries, units), seed=0)

    def seeds(self, subject: str, languages: Sequence[str], split: str) -> int:
        """Return the number of seeds that every language was measured with."""
        return min((len(self.find("draw", subject, tag, split)) for tag in languages), default=0)

    def parity(self, subject: str, languages: Sequence[str], split: str, *, rank: int = 1) -> Interval | None:
        """Return the share of the base's English score that is reached: same concepts, seeds and judge."""
        own: dict[str, float] = {}
        english: dict[str, float] = {}
        for tag in languages:
            reference = {each.cell.seed: each.found for each in self.find("draw", ENGLISH, tag, split)}
            found = [each for each in self.find("draw", subject, tag, split) if each.cell.seed in reference]
            if not found:
                return None
            for each in found:
                known = dict(
                    zip(reference[each.cell.seed]["concepts"], reference[each.cell.seed]["ranks"], strict=True)
                )
                for concept, position in zip(each.found["concepts"], each.found["ranks"], strict=True):
                    if concept in known:
                        own[concept] = own.get(concept, 0.0) + (position < rank)
                        english[concept] = english.get(concept, 0.0) + (known[concept] < rank)
        if not own or not sum(english.values()):
            return None
        units = sorted(own)
        return bootstrap_ratio(_tensor(own, units), _tensor(english, units), seed=0)

    def english_drop(self, subject: str) -> Interval | None:
        """Return R@1 of the base on English prompts minus that of the same prompts through the module."""
        through = {each.cell.seed: each.found for each in self.find("draw", subject, "en", "seen")}
        alone = {each.cell.seed: each.found for each in self.find("draw", ENGLISH, "en", "seen")}
        lost: dict[str, list[float]] = defaultdict(list)
        for seed in through.keys() & alone.keys():
            known = dict(zip(alone[seed]["concepts"], alone[seed]["ranks"], strict=True))
            for concept, rank in zip(through[seed]["concepts"], through[seed]["ranks"], strict=True):
                lost[concept].append(float(known[concept] < 1) - float(rank < 1))
        if not lost:
            return None
        return bootstrap_mean(torch.tensor([sum(each) / len(each) for each in lost.values()]), seed=0)

    def mean_of(self, subject: str, languages: Sequence[str], split: str, key: str) -> Interval | None:
        """Return the mean of a list of the image cells, such as `cosines` or `tone_right`, or None if a language is missing."""
        values: dict[str, list[float]] = defaultdict(list)
        for tag in languages:
            found = [each for each in self.find("draw", subject, tag, split) if key in each.found]
            if not found:
                return None
            for each in found:
                for concept, value in zip(each.found["concepts"], each.found[key], strict=True):
                    values[concept].append(float(value))
        return (
            bootstrap_mean(torch.tensor([sum(each) / len(each) for each in values.values()]), seed=0)
            if values
            else None
        )

    def recall(self, kind: str, subject: str, language: str, split: str, metric: str) -> Interval | None:
        """Return a recall of a text or retrieval cell, or None."""
        found = self.value(kind, subject, metric, language, split)
        return Interval(*found) if found else None

    def mean_recall(self, subject: str, language: str, split: str) -> float | None:
        """Return the mean of recall@1, 5 and 10 in both directions, or None."""
        found = self.find("retrieve", subject, language, split)
        if not found:
            return None
        values: list[float] = [value[0] for metric, value in found[0].found.items() if "_recall_at_" in metric]
        return sum(values) / len(values)

    def cpu_seconds(self, subject: Subject) -> float | None:
        """Return the processor time of a training, excluding computations of frozen models that all methods share.

        Of bundled modules it is the wall time on one core in their configurations. None for a subject that is not trained.
        """
        if subject.training is None:
            return card_seconds(subject)
        seconds: float | None = self.value("train", subject.name, "train_cpu_seconds")
        return seconds

    def _hits(
        self, subject: str, languages: Sequence[str], split: str, rank: int, variant: str, seeds: Sequence[int] | None
    ) -> tuple[dict[str, float], dict[str, float]]:
        hits: dict[str, float] = {}
        tries: dict[str, float] = {}
        for tag in languages:
            found = [
                each
                for each in self.find("draw", subject, tag, split, variant)
                if seeds is None or each.cell.seed in seeds
            ]
            if not found:
                return {}, {}
            for each in found:
                for concept, position in zip(each.found["concepts"], each.found["ranks"], strict=True):
                    hits[concept] = hits.get(concept, 0.0) + (position < rank)
                    tries[concept] = tries.get(concept, 0.0) + 1
        return hits, tries


def card_seconds(subject: Subject) -> float | None:
    """Return the seconds that a subject's published modules took together, or None if there are none or one lacks it."""
    runs = [next((CARDS / "adapters" / name).glob("*/config.json"), None) for name in subject.cards.values()]
    if not runs or any(each is None for each in runs):
        return None
    return sum(float(json.loads(each.read_text(encoding="utf-8"))["run"]["device_seconds"]) for each in runs if each)


def _tensor(values: dict[str, float], units: Sequence[Any]) -> torch.Tensor:
    return torch.tensor([values[unit] for unit in units], dtype=torch.float64)


def spoken(subject: Subject) -> tuple[str, ...]:
    """Return the headline languages of a subject's averages."""
    return subject.spoken or FIVE


def show(interval: Interval | None, *, signed: bool = False) -> str:
    """Return a share with its interval, such as `.88 [.81–.92]`; a dash for None."""
    if interval is None:
        return "–"
    return f"{number(interval.value, signed=signed)} [{number(interval.low)}–{number(interval.high)}]"


def number(value: float | None, *, signed: bool = False) -> str:
    """Return a share with two digits and without a leading zero."""
    if value is None:
        return "–"
    text = f"{value:+.2f}" if signed else f"{value:.2f}"
    return text.replace("0.", ".", 1) if abs(value) < 0.995 else text
