"""Run benchmarks on an artifact, or on a module that was just trained."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

from hub.errors import InvalidRequest
from hub.loader import Retriever
from hub.local import LocalHub
from hub.records import Artifact, Provenance, Score
from hub.scores.metrics import BASE_ALONE, ENGLISH_BASE
from hub.systems.architectures import retrieves
from trainers.corpora import open_corpus
from trainers.corpora.columns import Columns
from trainers.corpora.corpus import Corpus
from trainers.evaluation import get_benchmark
from trainers.evaluation.data_task import NO_DATA, DataOptions
from trainers.evaluation.evaluator import (
    Benchmark,
    DataBenchmark,
    DividedBenchmark,
    EvaluationSubject,
    EvaluationTask,
    OptionsBenchmark,
    corpus_options,
    machine,
)
from trainers.evaluation.generation import GUIDANCE, JUDGE, STEPS, GenerationEvaluator
from trainers.evaluation.prompts.corpus_prompts import CorpusPrompts
from trainers.evaluation.results.result_log import ResultLogs
from trainers.evaluation.results.work import Work
from trainers.evaluation.retrieval import RetrievalEvaluator
from trainers.evaluation.run_published import OpenedBenchmark, check_languages, make_task, open_published, run_published
from trainers.evaluation.subjects import check_base, open_subject
from trainers.frozen.find_frozen import find_base, image_side
from trainers.inputs.feature_cache import key_of
from trainers.loop.distributed import gather

DEFAULT_COUNT = 256
"""Prompts per language and split of benchmarks on a corpus."""
DROP = "english_drop_at_1"
"""The base's own English R-precision@1 minus that through the module."""


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """The benchmarks, splits and languages to measure, with at most `count` prompts each."""

    benchmarks: tuple[str, ...]
    splits: tuple[str, ...]
    languages: tuple[str, ...]
    count: int
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedEvaluation:
    """The evaluation of `hub evaluate NAME`, with all data opened and no model loaded."""

    artifact: Artifact
    base: str
    lab: tuple[EvaluationRequest, ...]
    """Benchmarks on the corpus."""
    corpus: Corpus | None
    published: tuple[tuple[OpenedBenchmark, tuple[str, ...]], ...]
    """Published benchmarks and their languages."""
    choice: DataOptions
    count: int | None
    seed: int

    def check_divided(self) -> None:
        """Raise `InvalidRequest` for a benchmark that does not list its computations, before anything is loaded."""
        for name in (name for request in self.lab for name in request.benchmarks):
            _divided(get_benchmark(name))
        for opened, _ in self.published:
            _divided(opened.benchmark)

    def works(self, subject: EvaluationSubject, hub: LocalHub, logs: ResultLogs) -> list[Work]:
        """Return the computations of benchmarks for each prompt, caption or image, in a fixed order.

        Raises `InvalidRequest` for a benchmark that does not list them.
        """
        works: list[Work] = []
        if self.corpus is not None:
            for request in self.lab:
                for on_corpus, task in tasks_of(request, self.corpus, hub, quiet=True, choice=self.choice, logs=logs):
                    works += _divided(on_corpus).works(subject, task)
        for opened, languages in self.published:
            benchmark = _divided(opened.benchmark)
            for language in languages:
                published = make_task(
                    opened,
                    language,
                    hub,
                    self.choice,
                    count=self.count,
                    digest="",
                    seed=self.seed,
                    quiet=True,
                    logs=logs,
                )
                works += benchmark.works(subject, published)
        return works

    def run(self, subject: EvaluationSubject, hub: LocalHub, logs: ResultLogs, *, quiet: bool) -> list[Score]:
        """Return all scores. Results of prompts, captions and images are kept in `logs`, and taken from there.

        Raises `InvalidRequest` as `run_benchmarks` and `run_published`.
        """
        scores: list[Score] = []
        try:
            if self.corpus is not None:
                for request in self.lab:
                    scores += run_benchmarks(
                        subject, request, self.corpus, hub, quiet=quiet, choice=self.choice, logs=logs
                    )
            for opened, languages in self.published:
                scores += run_published(
                    subject,
                    opened,
                    languages,
                    hub,
                    self.choice,
                    count=self.count,
                    seed=self.seed,
                    quiet=quiet,
                    logs=logs,
                )
        except KeyboardInterrupt:
            if logs.count:
                print(f"Stopped: {logs.count:,} results are kept. Run the same command to continue.", file=sys.stderr)
            raise
        return scores


def evaluate_artifact(
    artifact: Artifact,
    hub: LocalHub,
    *,
    base: str,
    device: str | None,
    quiet: bool,
    logs: ResultLogs | None = None,
    **wanted: Any,
) -> list[Score]:
    """Measure an artifact for `hub evaluate NAME`. `wanted` are the further arguments of `prepare_evaluation`.

    Results are kept on disk as they are computed: if the evaluation is stopped, another one with the same
    arguments continues it. They are removed at the end; with `logs`, by the caller.

    Raises the errors of `prepare_evaluation` before anything is loaded, and those of `open_subject` and benchmarks.
    """
    prepared = prepare_evaluation(artifact, hub, base=base, **wanted)
    subject = open_subject(artifact, base, hub, device)
    kept = ResultLogs(hub.home.caches) if logs is None else logs
    scores = prepared.run(subject, hub, kept, quiet=quiet)
    if logs is None:
        kept.remove()
    return scores


def prepare_evaluation(
    artifact: Artifact,
    hub: LocalHub,
    *,
    base: str,
    benchmarks: tuple[str, ...],
    splits: tuple[str, ...],
    languages: tuple[str, ...],
    corpus: str,
    columns: Columns,
    count: int | None,
    seed: int,
    choice: DataOptions = NO_DATA,
) -> PreparedEvaluation:
    """Open the data of an evaluation; empty `benchmarks`, `splits` and `languages` are chosen for the artifact.

    `count` None is each benchmark's default. Benchmarks on the corpus come first, then published ones, which take `choice`.

    Raises `UnknownBenchmark`, `UnknownCorpus`, the errors of a benchmark's data, and `InvalidRequest`.
    """
    check_base(artifact, base, hub)
    benchmarks = benchmarks or (benchmark_of(artifact),)
    found: dict[str, Any] = {name: get_benchmark(name) for name in benchmarks}
    lab = tuple(name for name, each in found.items() if not isinstance(each, DataBenchmark))
    on_corpus: list[CorpusPrompts] = [each for each in found.values() if type(each) is CorpusPrompts]
    request = EvaluationRequest(lab, splits or ("seen",), languages, 0, seed)
    published = {name: each for name, each in found.items() if name not in lab and each not in on_corpus}
    if choice.place and on_corpus and not published:
        choice.refuse(on_corpus[0].name, "it reads --corpus", "--data")
    opened = open_published(published, splits, choice)
    loaded: Corpus | None = None
    for name in lab:
        each = found[name]
        each.check_options(choice) if isinstance(each, OptionsBenchmark) else choice.check_unused(name)
    if request.benchmarks or on_corpus:
        on = base or next(iter(artifact.bases), "") or (str(artifact.name) if artifact.kind == "base" else "")
        side = image_side(find_base(on, hub).folder) if on and columns.captions else 224
        loaded = open_corpus(corpus, columns, side, hub.home.caches)
        own = tuple(tag for tag in artifact.languages if tag in loaded.languages) or ("en",)
        request = replace(request, languages=languages or own)
        choice = replace(choice, corpus=tuple(corpus_options(loaded))) if on_corpus else choice
        for benchmark in on_corpus:
            benchmark.check_options(choice)
            opened += [
                OpenedBenchmark(benchmark, split, benchmark.open_corpus(loaded, split)) for split in request.splits
            ]
    spoken = [
        languages or tuple(tag for tag in artifact.languages if tag in each.data.languages) or ("en",)
        for each in opened
    ]
    for each, tags in zip(opened, spoken, strict=True):
        check_languages(each, tags)
    usual = {
        name: found[name].default_count if isinstance(found[name], OptionsBenchmark) else DEFAULT_COUNT for name in lab
    }
    requests = [replace(request, benchmarks=(name,), count=usual[name] if count is None else count) for name in lab]
    return PreparedEvaluation(
        artifact=artifact, base=base, lab=tuple(requests), corpus=loaded, published=tuple(zip(opened, spoken, strict=True)),
        choice=choice, count=count, seed=seed,
    )  # fmt: skip


def benchmark_of(artifact: Artifact) -> str:
    """Return the default benchmark of an artifact: generation, or retrieval if it cannot generate images."""
    is_plain_encoder = artifact.kind == "encoder" and not artifact.variants
    is_retriever = is_plain_encoder or any(retrieves(variant.architecture) for variant in artifact.variants)
    return RetrievalEvaluator.name if is_retriever else GenerationEvaluator.name


def _divided(benchmark: Benchmark | DataBenchmark) -> DividedBenchmark:
    """Return the benchmark. Raises `InvalidRequest` if it does not list its computations."""
    if not isinstance(benchmark, DividedBenchmark):
        raise InvalidRequest(f"`{benchmark.name}` cannot be divided among workers: use --engine local.")
    return benchmark


def tasks_of(
    request: EvaluationRequest,
    corpus: Corpus,
    hub: LocalHub,
    *,
    quiet: bool,
    choice: DataOptions = NO_DATA,
    logs: ResultLogs | None = None,
) -> Iterator[tuple[Benchmark, EvaluationTask]]:
    """Yield every benchmark with its tasks: the languages and, of several splits, those that the corpus has. Raises `UnknownBenchmark`."""
    for name in request.benchmarks:
        benchmark = cast("Benchmark", get_benchmark(name))
        options = choice if isinstance(benchmark, OptionsBenchmark) else NO_DATA
        for language in request.languages:
            for split in request.splits:
                if len(request.splits) == 1 or corpus.prompts(language, split):
                    task = EvaluationTask(
                        corpus, split, language, hub, request.count, request.seed, quiet, options, logs=logs
                    )
                    yield benchmark, task


def run_benchmarks(
    subject: EvaluationSubject,
    request: EvaluationRequest,
    corpus: Corpus,
    hub: LocalHub,
    *,
    quiet: bool,
    choice: DataOptions = NO_DATA,
    logs: ResultLogs | None = None,
) -> list[Score]:
    """Run every benchmark on every language and split of the request that the corpus has. Results are kept in `logs`.

    Raises `UnknownBenchmark`, and `InvalidRequest` if there are no prompts or the subject does not fit a benchmark.
    """
    scores: list[Score] = []
    for benchmark, task in tasks_of(request, corpus, hub, quiet=quiet, choice=choice, logs=logs):
        scores += benchmark.evaluate(subject, task)
    if not scores:
        raise InvalidRequest(
            f"there are no prompts for `{subject.name}` in {', '.join(request.languages)} on {', '.join(request.splits)}."
        )
    return scores


def evaluate_for_card(
    subject: EvaluationSubject, request: EvaluationRequest, corpus: Corpus, hub: LocalHub, *, quiet: bool
) -> list[Score]:
    """Measure the scores of a module's card.

    They compare the module with the base alone, on the same prompts and on their English translations, and measure how
    much English the module loses. Raises `InvalidRequest` as `run_benchmarks`.
    """
    if subject.retriever is not None:
        return _compare_retrievers(subject, request, corpus, hub, quiet=quiet)
    if subject.encoder is not None:
        return run_benchmarks(
            subject, replace(request, benchmarks=(RetrievalEvaluator.name,)), corpus, hub, quiet=quiet
        )
    scores: list[Score] = []
    evaluator = GenerationEvaluator()
    plain = replace(subject, name=subject.base, pipeline=subject.plain)
    for language in request.languages:
        for split in request.splits:
            if not corpus.prompts(language, split):
                continue
            task = EvaluationTask(corpus, split, language, hub, request.count, request.seed, quiet)
            scores += evaluator.evaluate(subject, task)
            scores += _with_prefix(BASE_ALONE, _base_scores(evaluator, plain, task))
            scores += _with_prefix(ENGLISH_BASE, _base_scores(evaluator, plain, replace(task, translated=True)))
    english = EvaluationTask(corpus, "seen", "en", hub, request.count, request.seed, quiet)
    through = evaluator.evaluate(subject, english)
    alone = _base_scores(evaluator, plain, english)
    drop = _value(alone, "r_precision_at_1") - _value(through, "r_precision_at_1")
    if "en" not in request.languages:  # Otherwise both are in the list already.
        scores += [score for score in through if score.metric.startswith("r_precision")]
        scores += _with_prefix(BASE_ALONE, alone)
    scores.append(replace(through[0], metric=DROP, value=round(drop, 6), low=None, high=None, better="down"))
    return scores


def _compare_retrievers(
    subject: EvaluationSubject, request: EvaluationRequest, corpus: Corpus, hub: LocalHub, *, quiet: bool
) -> list[Score]:
    """Measure the retriever and the dual encoder alone, in the requested languages and in English."""
    evaluator = RetrievalEvaluator()
    assert subject.retriever is not None
    plain = replace(subject, name=subject.base, base="", retriever=Retriever(subject.retriever.dual))
    scores: list[Score] = []
    for language in dict.fromkeys([*request.languages, "en"]):
        for split in request.splits:
            if not corpus.prompts(language, split):
                continue
            task = EvaluationTask(corpus, split, language, hub, request.count, request.seed, quiet)
            scores += evaluator.evaluate(subject, task)
            alone = evaluator.evaluate(plain, task)
            scores += [replace(score, metric=BASE_ALONE + score.metric, base=subject.base) for score in alone]
    return scores


def _base_scores(evaluator: GenerationEvaluator, plain: EvaluationSubject, task: EvaluationTask) -> list[Score]:
    """Return the scores of the base alone, cached for all modules of the base; a base in a folder is not cached."""
    registry = task.hub.registry
    if plain.base not in {name.rpartition("/")[2] for name in registry.names()}:
        return evaluator.evaluate(plain, task)
    digests = [registry.get(name).weights_digest for name in (plain.base, JUDGE)]
    parts = [task.split, task.language, task.translated, task.count, task.seed, GUIDANCE, STEPS]
    path = task.hub.home.caches / f"scores-{key_of(*digests, task.corpus.digest, *parts, machine())[:40]}.json"
    if all(gather(path.is_file())):  # Processes must agree whether to generate images together.
        return [Score(**{**row, "provenance": Provenance.SELF_REPORTED}) for row in json.loads(path.read_text())]
    scores = evaluator.evaluate(plain, task)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(
        f".{os.getpid()}.part"
    )  # Every process writes it, because machines can have separate caches.
    unfinished.write_text(json.dumps([asdict(score) for score in scores]))
    unfinished.replace(path)
    return scores


def _with_prefix(prefix: str, scores: Sequence[Score]) -> list[Score]:
    """Return the R-precision scores with a prefix, for the card of another subject."""
    return [replace(score, metric=prefix + score.metric) for score in scores if score.metric.startswith("r_precision")]


def _value(scores: Sequence[Score], metric: str) -> float:
    return next(score.value for score in scores if score.metric == metric)
