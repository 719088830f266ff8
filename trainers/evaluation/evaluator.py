"""The interface of benchmarks, which measure a subject on a task and return scores."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from hub.encoders.text_encoder import TextEncoder
from hub.errors import InvalidRequest
from hub.loader import Retriever
from hub.local import LocalHub
from hub.records import Artifact, Provenance, Score
from trainers.corpora.captioned import CaptionedCorpus
from trainers.corpora.corpus import Corpus, Prompt
from trainers.evaluation.confidence import Interval
from trainers.evaluation.data_task import NO_DATA, BenchmarkData, DataOptions, DataTask
from trainers.evaluation.results.result_log import ResultLog, ResultLogs
from trainers.evaluation.results.work import Work
from trainers.loop.sampler import seed_of


@dataclass(frozen=True)
class EvaluationSubject:
    """The models to evaluate: a pipeline, or for retrieval an encoder alone or a retriever."""

    name: str
    """As in `hub evaluate NAME`."""
    revision: str = ""
    base: str = ""
    """Name of the base; empty for an encoder."""
    pipeline: Any = None
    """A diffusers pipeline: the base alone, or with the module."""
    plain: Any = None
    """The base's own pipeline, for English prompts; the same object if the subject is a base."""
    encoder: TextEncoder | None = None
    retriever: Retriever | None = None
    """A dual encoder, with or without projectors."""
    identity: str = ""
    """Everything that its weights depend on, so that a stopped evaluation continues only with the same ones; empty if unknown."""
    artifact: Artifact | None = None
    """Its entry in the registry; None for what is not published."""

    @property
    def is_module(self) -> bool:
        """Whether a module reads the prompts, not the base alone."""
        return self.pipeline is not self.plain


@dataclass(frozen=True)
class EvaluationTask:
    """The prompts to evaluate on: a split of a corpus in one language."""

    corpus: Corpus
    split: str
    language: str
    hub: LocalHub
    """The hub that holds the judges."""
    count: int = 256
    """Maximum number of prompts; 0 means all."""
    seed: int = 0
    quiet: bool = False
    choice: DataOptions = NO_DATA
    """Options of the command, of benchmarks that take them."""
    translated: bool = False
    """Whether to use the English meanings of the prompts instead, for an upper bound on the same concepts."""
    logs: ResultLogs | None = None
    """Log in which results are stored as they are computed; None keeps them in memory."""

    def log(self, subject: EvaluationSubject, *parts: object) -> ResultLog:
        """Return the log of results that depend on the subject, the corpus, this machine and `parts`."""
        here = () if subject.identity else (id(subject),)
        logs = ResultLogs(None) if self.logs is None else self.logs
        return logs.open(subject.identity, self.corpus.digest, versions(), *parts, *here)

    def prompts(self) -> list[Prompt]:
        """Return a sample of the split that depends on (seed, concept) alone, so that languages share their concepts.

        Raises `InvalidRequest` for an unknown split, or one that is empty in this language.
        """
        if self.split not in self.corpus.base_splits:
            raise InvalidRequest(f"unknown split `{self.split}`. Available: {', '.join(self.corpus.base_splits)}.")
        found = self.corpus.prompts(self.language, self.split)
        if not found:
            raise InvalidRequest(
                f"the corpus `{self.corpus.name}` has no prompts in `{self.language}` on split `{self.split}`. "
                f"Available: {', '.join(self._filled_splits()) or 'other languages'}."
            )
        order = sorted(found, key=lambda prompt: seed_of(self.seed, "prompts", prompt.concept))
        chosen = order[: self.count] if self.count else order
        if self.translated:
            return [replace(prompt, text=prompt.meaning, language="en") for prompt in chosen]
        return chosen

    def gallery(self, prompts: Sequence[Prompt]) -> tuple[list[Prompt], Tensor]:
        """Return the gallery, and the index (N,) of the right entry for each of the prompts."""
        gallery = self.corpus.gallery(self.split)
        place = {prompt.concept: index for index, prompt in enumerate(gallery)}
        return gallery, torch.tensor([place[prompt.concept] for prompt in prompts])

    @property
    def digest(self) -> str:
        """The digest of what is read."""
        return self.corpus.digest

    def options(self) -> list[tuple[object, ...]]:
        """Return the command-line options that repeat the run."""
        return [*corpus_options(self.corpus), *self.choice.command_options()]

    def _filled_splits(self) -> list[str]:
        return [split for split in self.corpus.base_splits if self.corpus.prompts(self.language, split)]


class Benchmark(Protocol):
    """A benchmark on a corpus. Published ones are a `DataBenchmark`."""

    name: str
    """As in `--benchmark`."""
    needs: str
    """`pipeline`; `encoder` if an encoder alone can be evaluated too; `retriever` if images are embedded."""

    def evaluate(self, subject: EvaluationSubject, task: EvaluationTask) -> list[Score]:
        """Return the scores of a subject on a task, most important first. Raises `InvalidRequest`."""
        ...


@runtime_checkable
class OptionsBenchmark(Protocol):
    """A benchmark on a corpus with its own options and default number of prompts."""

    default_count: int

    def check_options(self, choice: DataOptions) -> None:
        """Raise `InvalidRequest` for options that it does not take."""
        ...


@runtime_checkable
class DataBenchmark(Protocol):
    """A published benchmark, with its own data. One object evaluates all languages of a run, and can cache results."""

    name: str
    needs: str
    default_count: int
    """Prompts or queries per language without `--n`; 0 means all."""

    @property
    def splits(self) -> tuple[str, ...]:
        """Its splits, the default first."""
        ...

    def open(self, folder: Path, split: str) -> BenchmarkData:
        """Read the data of a split. Raises `InvalidRequest` for missing files, texts or images, `DamagedFile` for broken ones."""
        ...

    def check_options(self, choice: DataOptions) -> None:
        """Raise `InvalidRequest` for options that it lacks or does not take."""
        ...

    def evaluate(self, subject: EvaluationSubject, task: DataTask) -> list[Score]:
        """Return the scores of a subject on a task, most important first. Raises `InvalidRequest`."""
        ...


@runtime_checkable
class DividedBenchmark(Protocol):
    """A benchmark that lists its computations for each prompt, caption or image, so that workers can divide them."""

    def works(self, subject: EvaluationSubject, task: Any) -> list[Work]:
        """Return what `evaluate` computes. Raises `InvalidRequest`."""
        ...


def corpus_options(corpus: Corpus) -> list[tuple[object, ...]]:
    """Return the command-line options of a corpus; empty for one that is found by name."""
    if isinstance(corpus, CaptionedCorpus):
        return [("--corpus", corpus.place), *corpus.columns.options()]
    return []


def make_score(
    metric: str,
    value: float | Interval,
    benchmark: str,
    subject: EvaluationSubject,
    task: EvaluationTask | DataTask,
    *,
    details: str = "",
    **other: Any,
) -> Score:
    """Create the score of a run on this machine, with the command that repeats it and further `details` of the run.

    It is self-reported: only `hub rescore` records scores as reproduced.
    """
    interval = value if isinstance(value, Interval) else None
    command = f"hub evaluate {subject.name} --benchmark {benchmark} --split {task.split} --lang {task.language}"
    command += f" --n {task.count} --seed {task.seed}" + (f" --base {subject.base}" if subject.base else "")
    if options := task.options():
        command += " " + shlex.join(str(word) for option in options for word in option)
    score = Score(
        metric=metric,
        value=round(interval.value if interval else float(value), 6),  # type: ignore[arg-type]
        benchmark=benchmark,
        provenance=Provenance.SELF_REPORTED,
        source="; ".join(
            filter(None, (command, f"revision {subject.revision[:12] or 'unpublished'}", machine(), details))
        ),
        split=task.split,
        language=task.language,
        base=subject.base,
        benchmark_digest=task.digest,
        sample_size=interval.count if interval else None,
        seed=task.seed,
        low=round(interval.low, 6) if interval else None,
        high=round(interval.high, 6) if interval else None,
    )
    return replace(score, **other)


def machine() -> str:
    """Return the device and the torch version, without the host's name."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{platform.machine()} CPU"
    return f"{device}, torch {torch.__version__.partition('+')[0]}"


def versions() -> str:
    """Return the machine and the versions of the libraries that compute images and embeddings."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("diffusers", "transformers", "linguahub"))
    return f"{machine()}, {libraries}"
