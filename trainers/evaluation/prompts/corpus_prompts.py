"""`corpus-prompts`: the prompts of a corpus, such as your own captioned images, with any judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import torch
from torch import Tensor

from hub.errors import InvalidRequest
from trainers.corpora.corpus import Corpus
from trainers.evaluation.data_folder import DataFolder
from trainers.evaluation.prompts.clip_judge import ClipJudge
from trainers.evaluation.prompts.prompt_benchmark import PromptBenchmark
from trainers.evaluation.prompts.prompt_set import BenchmarkPrompt, Prompts, PromptSet

_AT_ONCE = 64
"""Images of the corpus in memory at a time."""


class CorpusPromptSet(Prompts):
    """The prompts of one split of a corpus."""

    has_references = True
    notes: Mapping[str, str] = {}

    def __init__(self, benchmark: str, split: str, corpus: Corpus) -> None:
        """Raise `InvalidRequest` for an unknown split."""
        if split not in corpus.base_splits:
            raise InvalidRequest(f"unknown split `{split}`. Available: {', '.join(corpus.base_splits)}.")
        self.benchmark, self.split, self._corpus = benchmark, split, corpus
        self._prompts: dict[str, Sequence[BenchmarkPrompt]] = {}

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """BCP-47 tags with prompts, sorted."""
        return tuple(sorted(tag for tag in self._corpus.languages if self._corpus.prompts(tag, self.split)))

    def _all(self, language: str) -> Sequence[BenchmarkPrompt]:
        if language not in self._prompts:
            self._prompts[language] = [
                BenchmarkPrompt(prompt.text, prompt.language, prompt.concept, prompt.meaning)
                for prompt in self._corpus.prompts(language, self.split)
            ]
        return self._prompts[language]

    def reference_features(self, prompts: Sequence[BenchmarkPrompt], judge: ClipJudge) -> Tensor:
        """Return the judge's features (N, D) of the corpus's images of the prompts."""
        concepts = [prompt.concept for prompt in prompts]
        return torch.cat(
            [
                judge.images(self._corpus.images(concepts[first : first + _AT_ONCE]))
                for first in range(0, len(concepts), _AT_ONCE)
            ]
        )

    def digest(self, language: str) -> str:  # noqa: ARG002 - a corpus has one digest
        """Return the digest of the corpus."""
        return self._corpus.digest


class CorpusPrompts(PromptBenchmark):
    """Prompts of a corpus, judged by any dual encoder."""

    name = "corpus-prompts"
    splits = ("seen",)
    layout = "no files: it reads --corpus"

    def read(self, folder: DataFolder, split: str) -> PromptSet:  # noqa: ARG002
        """Raise `InvalidRequest`: the prompts are those of a corpus."""
        raise InvalidRequest(f"`{self.name}` reads --corpus, not --data.")

    def open_corpus(self, corpus: Corpus, split: str) -> CorpusPromptSet:
        """Return the prompts of a split of a corpus. Raises `InvalidRequest` for an unknown split."""
        return CorpusPromptSet(self.name, split, corpus)
