"""What an evaluator is: a subject and a task in, scores out."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from hub.encoders.encoder import TextEncoder
from hub.errors import InvalidRequest
from hub.loader import Retriever
from hub.local import LocalHub
from hub.records import Provenance, Score
from trainers.corpora.corpus import Corpus, Prompt
from trainers.evaluation.confidence import Interval
from trainers.loop.sampler import seed_of


@dataclass(frozen=True)
class EvaluationSubject:
    """What is judged: a pipeline, or for retrieval an encoder alone or a retriever."""

    name: str
    """As in `hub evaluate NAME`."""
    revision: str = ""
    base: str = ""
    """Name of the base; empty for an encoder."""
    pipeline: Any = None
    """A diffusers pipeline: the base alone, or with the module."""
    plain: Any = None
    """The base's own pipeline, which reads English; the same object when no module is judged."""
    encoder: TextEncoder | None = None
    retriever: Retriever | None = None
    """A dual encoder, alone or behind projectors."""


@dataclass(frozen=True)
class EvaluationTask:
    """On what it is judged."""

    corpus: Corpus
    split: str
    language: str
    hub: LocalHub
    """Where judges are found."""
    count: int = 256
    """At most so many prompts; 0 means all."""
    seed: int = 0
    quiet: bool = False
    translated: bool = False
    """Ask the English meanings of the language's prompts instead: the ceiling on the same concepts."""

    def prompts(self) -> list[Prompt]:
        """A part of the split that depends on (seed, concept) alone: languages are asked about the same concepts.

        Raises InvalidRequest when the split is empty in this language.
        """
        if self.split not in self.corpus.base_splits:
            raise InvalidRequest(f"no split is called `{self.split}`: there are {', '.join(self.corpus.base_splits)}.")
        found = self.corpus.prompts(self.language, self.split)
        if not found:
            raise InvalidRequest(
                f"the corpus `{self.corpus.name}` has nothing in `{self.language}` on split `{self.split}`: "
                f"choose among {', '.join(self._filled()) or 'other languages'}."
            )
        order = sorted(found, key=lambda prompt: seed_of(self.seed, "prompts", prompt.concept))
        chosen = order[: self.count] if self.count else order
        if self.translated:
            return [replace(prompt, text=prompt.meaning, language="en") for prompt in chosen]
        return chosen

    def gallery(self, prompts: Sequence[Prompt]) -> tuple[list[Prompt], Tensor]:
        """Among what answers to `prompts` must be recognised, and the place of each right one: (N,)."""
        gallery = self.corpus.gallery(self.split)
        place = {prompt.concept: index for index, prompt in enumerate(gallery)}
        return gallery, torch.tensor([place[prompt.concept] for prompt in prompts])

    def _filled(self) -> list[str]:
        return [split for split in self.corpus.base_splits if self.corpus.prompts(self.language, split)]


class Evaluator(Protocol):
    """Turns a subject into scores."""

    name: str
    """Of the benchmark."""
    needs: str
    """`pipeline`; `encoder` when an encoder alone can be judged too; `retriever` for what reads images."""

    def evaluate(self, subject: EvaluationSubject, task: EvaluationTask) -> list[Score]:
        """The scores of one subject on one task, most telling first."""
        ...


def make_score(
    metric: str, value: float | Interval, benchmark: str, subject: EvaluationSubject, task: EvaluationTask, **other: Any
) -> Score:
    """A score of ours with all it takes to measure it again."""
    interval = value if isinstance(value, Interval) else None
    command = f"hub evaluate {subject.name} --benchmark {benchmark} --split {task.split} --lang {task.language}"
    command += f" --n {task.count} --seed {task.seed}" + (f" --base {subject.base}" if subject.base else "")
    score = Score(
        metric=metric,
        value=round(interval.value if interval else float(value), 6),  # type: ignore[arg-type]
        benchmark=benchmark,
        provenance=Provenance.MEASURED,
        source=f"{command}; revision {subject.revision[:12] or 'unpublished'}; {machine()}",
        split=task.split,
        language=task.language,
        base=subject.base,
        benchmark_digest=task.corpus.digest,
        sample_size=interval.count if interval else None,
        seed=task.seed,
        low=round(interval.low, 6) if interval else None,
        high=round(interval.high, 6) if interval else None,
    )
    return replace(score, **other)


def machine() -> str:
    """The machine in words that name nobody's."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{platform.machine()} CPU"
    return f"{device}, torch {torch.__version__.partition('+')[0]}"
