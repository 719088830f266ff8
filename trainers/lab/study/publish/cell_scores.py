"""Turn measured cells into scores for cards, each with the command that measures it again.

Images have their own benchmark, because the study uses fewer steps than `emoji-generation`. Names of `pairs` and of `languages`
are one split here, `held-out`, so that one parity map has every language.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from hub.errors import InvalidRequest
from hub.records import Provenance, Score
from hub.scores.metrics import ENGLISH_BASE, PARITY
from hub.scores.parity import ratio_interval
from trainers.corpora.emoji import HELD_OUT
from trainers.evaluation.confidence import Interval, bootstrap_ratio, wilson
from trainers.evaluation.efficiency.efficiency import Efficiency
from trainers.evaluation.evaluate import DROP
from trainers.evaluation.evaluator import machine, versions
from trainers.evaluation.generation import JUDGE, FewStepsEvaluator
from trainers.evaluation.retrieval import RetrievalEvaluator
from trainers.lab.study.cells import Cell, Result
from trainers.lab.study.plan import Settings
from trainers.lab.study.report.measured import Measured
from trainers.lab.study.subjects import BASE, DUAL, ENGLISH, FIVE, Subject

IMAGES = FewStepsEvaluator.name
SPLITS = {"seen": "seen", "pairs": HELD_OUT, "languages": HELD_OUT, "combinations": "combinations"}
"""Split of a cell → split of its scores."""
RANKS = (1, 10)
HEADLINE = "r_precision_at_1"
_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Origin:
    """Subject of a card's scores."""

    artifact: str
    """Name in the registry."""
    digest: str
    """Digest of the weights that were measured; empty if they are gone."""
    can_load: bool
    """Whether the registry has the weights, so that `hub evaluate` repeats a score."""


class CellScores:
    """Scores of the subjects of a study."""

    def __init__(self, measured: Measured, settings: Settings, corpus: str, code: str = "") -> None:
        """`corpus` is the digest of the data, `code` the revision of the code that measured.

        Raises `InvalidRequest` for a study with another number of steps than the benchmark.
        """
        if settings.steps != FewStepsEvaluator.steps:
            raise InvalidRequest(
                f"the study in this folder draws in {settings.steps} steps, and `{IMAGES}` in {FewStepsEvaluator.steps}: only a whole "
                "study is published, not a trial."
            )
        self._measured, self._settings, self._corpus, self._code = measured, settings, corpus, code
        self._seed = settings.seeds[0]
        self._versions = versions()

    def of_images(self, subject: Subject, origin: Origin, languages: Sequence[str] | None = None) -> Iterator[Score]:
        """Yield the scores of a subject's images: shares in each language and split, parity, means, English lost, and distance.

        With `languages`, only those of a module that is one of several of its subject, without what is about all of them.
        """
        for cell, result in self._drawn(subject.name):
            if languages is None or cell.language in languages:
                yield from self._shares(result, origin)
                if subject.name != ENGLISH:
                    yield from self._parity(result, origin)
        if languages is None or "en" in languages:
            yield from self._english_lost(subject, origin)
        if languages is None:
            yield from self._means(subject, origin)
            yield from self._distance(subject, origin)

    def of_retrieval(self, subject: Subject, origin: Origin) -> Iterator[Score]:
        """Yield recall at 1 and 10 from texts to images and back."""
        for each in self._measured.results:
            cell = each.cell
            if cell.kind == "retrieve" and cell.subject == subject.name and cell.seed == self._seed:
                for metric, found in each.found.items():
                    if metric.endswith(tuple(f"_recall_at_{k}" for k in RANKS)):
                        score = self._score(
                            metric, Interval(*found), RetrievalEvaluator.name, origin, [each], split=cell.split
                        )
                        yield replace(score, base="" if origin.artifact == DUAL else DUAL)

    def of_training(self, subject: Subject, origin: Origin) -> Iterator[Score]:
        """Yield what a training cost, and the size of its module."""
        for each in self._measured.find("train", subject.name):
            found = each.found
            device = found.get("device", "CPU")
            costs = {
                "file_size": (found["bytes"] / _MEGABYTE, "MB"),
                "trainable_parameters": (found["parameters"], "parameters"),
                f"training_cpu_seconds[{device}]": (found["train_cpu_seconds"], "s"),
            }
            for metric, (value, unit) in costs.items():
                score = self._score(metric, value, Efficiency.name, origin, [each], better="down", unit=unit)
                yield replace(score, seed=None, base=DUAL if subject.retrieves else self._settings.base)

    def _drawn(self, subject: str) -> list[tuple[Cell, Result]]:
        """Return the cells of images with the first seed, the largest of each language and split, in a fixed order."""
        places = {
            (each.cell.language, each.cell.split)
            for each in self._measured.results
            if each.cell.kind == "draw" and each.cell.subject == subject and not each.cell.variant
        }
        found = [self._first(subject, language, split) for language, split in sorted(places) if split in SPLITS]
        return [(each.cell, each) for each in found if each is not None]

    def _first(self, subject: str, language: str, split: str) -> Result | None:
        drawn = self._measured.find("draw", subject, language, split)
        return next((each for each in drawn if each.cell.seed == self._seed), None)

    def _shares(self, result: Result, origin: Origin) -> Iterator[Score]:
        """Yield R-precision; of the English meanings in another language, as that of the base's English prompts."""
        cell, ranks = result.cell, result.found["ranks"]
        prefix = ENGLISH_BASE if cell.subject == ENGLISH and cell.language != "en" else ""
        for k in RANKS:
            share = wilson(sum(rank < k for rank in ranks), len(ranks))
            yield self._score(f"{prefix}r_precision_at_{k}", share, IMAGES, origin, [result], split=SPLITS[cell.split])

    def _parity(self, result: Result, origin: Origin) -> Iterator[Score]:
        """Yield the share of the base's English score: same concepts and noise, resampled in pairs."""
        cell = result.cell
        english = self._first(ENGLISH, cell.language, cell.split)
        if cell.language == "en" or english is None:
            return
        known = dict(zip(english.found["concepts"], english.found["ranks"], strict=True))
        pairs = [
            (rank < 1, known[concept] < 1)
            for concept, rank in zip(result.found["concepts"], result.found["ranks"], strict=True)
            if concept in known
        ]
        own_N, english_N = torch.tensor(pairs, dtype=torch.float64).reshape(-1, 2).unbind(dim=1)
        if english_N.sum() == 0:
            return
        ratio = bootstrap_ratio(own_N, english_N, seed=self._seed)
        split = SPLITS[cell.split]
        score = self._score(PARITY + HEADLINE, ratio, IMAGES, origin, [result, english], split=split)
        if own_N.sum() == 0 or own_N.equal(
            english_N
        ):  # Every resample has this ratio, which would give it no interval.
            shares = (
                self._score(HEADLINE, wilson(int(each_N.sum()), len(each_N)), IMAGES, origin, [result])
                for each_N in (own_N, english_N)
            )
            low, high = ratio_interval(*shares)
            score = replace(score, low=low and round(low, 6), high=high and round(high, 6))
        yield score

    def _english_lost(self, subject: Subject, origin: Origin) -> Iterator[Score]:
        found, alone = (self._measured.find("draw", each, "en", "seen") for each in (subject.name, ENGLISH))
        if subject.name not in {BASE, ENGLISH} and (lost := self._measured.english_drop(subject.name)):
            yield replace(self._pooled(DROP, lost, origin, [*found, *alone], "seen"), language="en", better="down")

    def _means(self, subject: Subject, origin: Origin) -> Iterator[Score]:
        """Yield means over the headline languages and all seeds, with concepts resampled."""
        for split in ("seen", "pairs", "combinations"):
            share = self._measured.share(subject.name, FIVE, split)
            if share is None:
                continue
            drawn = [each for tag in FIVE for each in self._measured.find("draw", subject.name, tag, split)]
            count = sum(len(each.found["ranks"]) for each in drawn)
            metric = f"{ENGLISH_BASE}{HEADLINE}_mean" if subject.name == ENGLISH else f"{HEADLINE}_mean"
            yield self._pooled(metric, replace(share, count=count), origin, drawn, SPLITS[split])

    def _distance(self, subject: Subject, origin: Origin) -> Iterator[Score]:
        extractor = JUDGE.rpartition("/")[2]
        for each in self._measured.find("fid", subject.name, "", "seen"):
            for metric, key in (("fid", "fid"), ("fid_floor", "floor")):
                score = self._score(
                    f"{metric}[{extractor}]", each.found[key], IMAGES, origin, [each], split="seen", better="down"
                )
                yield replace(score, sample_size=each.found["images"])

    def _pooled(self, metric: str, value: Interval, origin: Origin, results: Sequence[Result], split: str) -> Score:
        """Return a score over several languages or seeds."""
        score = self._score(metric, value, IMAGES, origin, results, split=split)
        return replace(score, language="", seed=None if len({each.cell.seed for each in results}) > 1 else score.seed)

    def _score(
        self,
        metric: str,
        value: float | Interval,
        benchmark: str,
        origin: Origin,
        results: Sequence[Result],
        split: str = "",
        **other: Any,
    ) -> Score:
        """Return a score that these cells contain; `hub evaluate` repeats one of a single cell, if it can load the artifact."""
        cell = results[0].cell
        is_one = len(results) == 1 and cell.language and not metric.startswith(ENGLISH_BASE)
        if origin.can_load and is_one:
            base = f" --base {self._settings.base}" if benchmark == IMAGES else ""
            command = (
                f"hub evaluate {origin.artifact} --benchmark {benchmark} --split {split} --lang {cell.language} --n {cell.count} "
                f"--seed {cell.seed}{base}"
            )
        else:
            command = "hub study " + " ".join(f"--only '{pattern}'" for pattern in _patterns(results))
        details = [
            "revision unpublished",
            f"weights {origin.digest[:12]}" if origin.digest else "",
            f"code {self._code}" if self._code else "",
            # Versions of libraries are known if the study ran here, where it is published.
            self._versions if results[0].machine == machine() else results[0].machine,
        ]
        interval = value if isinstance(value, Interval) else None
        score = Score(
            metric=metric,
            value=round(interval.value if interval else float(value), 6),  # type: ignore[arg-type]
            benchmark=benchmark,
            provenance=Provenance.SELF_REPORTED,
            source="; ".join([command, *filter(None, details)]),
            split=split,
            language=cell.language,
            base=self._settings.base,
            benchmark_digest=self._corpus,
            sample_size=interval.count if interval else None,
            seed=cell.seed,
            low=round(interval.low, 6) if interval else None,
            high=round(interval.high, 6) if interval else None,
        )
        return replace(score, **other)


def _patterns(results: Sequence[Result]) -> list[str]:
    """Return patterns of `hub study --only` for cells; cells of several languages or seeds share one."""
    if len(results) == 1:
        return [results[0].cell.key]
    wanted = dict.fromkeys((each.cell.kind, each.cell.subject, each.cell.split) for each in results)
    if len({each.cell.language for each in results}) == 1 and len({each.cell.seed for each in results}) == 1:
        return [each.cell.key for each in results]
    tag = results[0].cell.language if len({each.cell.language for each in results}) == 1 else "*"
    return [f"{kind}/{subject}/{tag}-{split}-s*" for kind, subject, split in wanted]
