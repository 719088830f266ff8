"""Run published benchmarks on the languages of a request."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from hub.errors import InvalidRequest
from hub.local import LocalHub
from hub.records import Score
from hub.scores.metrics import is_control
from trainers.evaluation.data_folder import local_folder, rows_digest
from trainers.evaluation.data_task import DataOptions, DataTask
from trainers.evaluation.evaluator import DataBenchmark, EvaluationSubject
from trainers.evaluation.results.result_log import ResultLogs


@dataclass(frozen=True, slots=True)
class OpenedBenchmark:
    """A published benchmark with the data of one split."""

    benchmark: DataBenchmark
    split: str
    data: Any


def open_published(
    benchmarks: Mapping[str, DataBenchmark], splits: Sequence[str], choice: DataOptions
) -> list[OpenedBenchmark]:
    """Read the data of benchmarks, of their default split unless `splits` names others.

    Raises `InvalidRequest` without `choice.place` or for an unknown split, `Unreachable`, and the errors of `DataBenchmark.open`.
    """
    opened = []
    for name, benchmark in benchmarks.items():
        if not choice.place:
            layout = getattr(benchmark, "layout", "its files")
            raise InvalidRequest(
                f"`{name}` needs its data: pass --data FOLDER with {layout} (see docs/train/evaluate.md)."
            )
        benchmark.check_options(choice)
        folder = local_folder(choice.place)
        for split in splits or benchmark.splits[:1]:
            if split not in benchmark.splits:
                raise InvalidRequest(f"`{name}` has no split `{split}`. Available: {', '.join(benchmark.splits)}.")
            opened.append(OpenedBenchmark(benchmark, split, benchmark.open(folder, split)))
    return opened


def check_languages(opened: OpenedBenchmark, languages: Sequence[str]) -> None:
    """Raise `InvalidRequest` for a language that the data do not have."""
    if lacking := [language for language in languages if language not in opened.data.languages]:
        raise InvalidRequest(
            f"`{opened.benchmark.name}`/{opened.split} has nothing in `{lacking[0]}` here. Available: "
            f"{', '.join(opened.data.languages)}."
        )


def run_published(
    subject: EvaluationSubject,
    opened: OpenedBenchmark,
    languages: Sequence[str],
    hub: LocalHub,
    choice: DataOptions,
    *,
    count: int | None,
    seed: int,
    quiet: bool,
    logs: ResultLogs | None = None,
) -> list[Score]:
    """Return the scores in each language, then their means and spreads if there are several languages.

    `count` None is the benchmark's default. Results are kept in `logs`; None keeps them in memory.
    """
    scores: list[Score] = []
    for language in languages:
        digest = opened.data.digest(language)
        task = make_task(opened, language, hub, choice, count=count, digest=digest, seed=seed, quiet=quiet, logs=logs)
        scores += opened.benchmark.evaluate(subject, task)
    return [*scores, *over_languages(scores)]


def make_task(
    opened: OpenedBenchmark, language: str, hub: LocalHub, choice: DataOptions, *, count: int | None, **rest: Any
) -> DataTask:
    """Return the task of a benchmark in one language; `count` None is the benchmark's default, `rest` are further fields."""
    return DataTask(
        data=opened.data, split=opened.split, language=language, hub=hub, choice=choice,
        count=opened.benchmark.default_count if count is None else count, **rest,
    )  # fmt: skip


def over_languages(scores: Sequence[Score]) -> list[Score]:
    """Return mean and population standard deviation of each metric that several languages have; controls are left out."""
    by_metric: dict[str, list[Score]] = defaultdict(list)
    for score in scores:
        if not is_control(score):
            by_metric[score.metric].append(score)
    found = []
    for metric, each in by_metric.items():
        if len(each) < 2:
            continue
        values = torch.tensor([score.value for score in each], dtype=torch.float64)
        first, label = each[0], metric.partition("[")[2]
        command = " ".join(f"--lang {score.language}" for score in each)
        summary = replace(
            first, language="", low=None, high=None, sample_size=sum(score.sample_size or 0 for score in each),
            benchmark_digest=rows_digest(sorted((score.language, score.benchmark_digest) for score in each)),
            source=first.source.replace(f"--lang {first.language}", command, 1),
        )  # fmt: skip
        name = metric.partition("[")[0]
        for suffix, value, better in (
            ("mean", values.mean(), first.better), ("std", values.std(correction=0), "down"),
        ):  # fmt: skip
            labelled = f"{name}_{suffix}[{label}" if label else f"{name}_{suffix}"
            found.append(replace(summary, metric=labelled, value=round(float(value), 6), better=better))
    return found
