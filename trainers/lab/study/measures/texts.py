"""Measure a subject without generating images: recall between texts, and between texts and images."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from hub.records import Score
from trainers.evaluation.evaluator import EvaluationSubject
from trainers.evaluation.recall import standard_scores
from trainers.evaluation.retrieval import RetrievalEvaluator
from trainers.lab.study.cells import Cell
from trainers.lab.study.measures.prompts import Prompts
from trainers.lab.study.opened import Opened


class RememberedBase:
    """The base's pipeline, as far as text benchmarks need it; the English names of a gallery are encoded once."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        self._known: dict[tuple[str, ...], tuple[Tensor, ...]] = {}
        self.device = pipeline.device

    def encode_prompt(self, texts: list[str], *arguments: Any, **settings: Any) -> tuple[Tensor, ...]:
        """Return the base's embeddings of texts."""
        key = tuple(texts)
        if key not in self._known:
            self._known[key] = self._pipeline.encode_prompt(texts, *arguments, **settings)
        return self._known[key]


class TextMeasures:
    """Text-level recall of generating subjects, and both directions of recall of retrieving ones."""

    def __init__(self, prompts: Prompts) -> None:
        self._prompts = prompts
        self._plain: RememberedBase | None = None

    def recall(self, cell: Cell, opened: Opened) -> dict[str, Any]:
        """Return the recall of English names by a text's embeddings, and the share of texts that are read as their meaning."""
        if self._plain is None:
            self._plain = RememberedBase(opened.plain)
        subject = EvaluationSubject(cell.subject, "", "", opened.pipeline(cell.language), self._plain)
        found = _values(RetrievalEvaluator().evaluate(subject, self._prompts.task(cell)))
        if opened.subject.reads:
            prompts = self._prompts.of(cell)
            read = opened.read(prompts, cell.language)
            found["read"] = [int(each.text == prompt.meaning) for each, prompt in zip(read, prompts, strict=True)]
        return found

    def retrieve(self, cell: Cell, opened: Opened) -> dict[str, Any]:
        """Return recall@1, 5 and 10 from texts to images and back, in the standard protocol."""
        subject = EvaluationSubject(cell.subject, retriever=opened.retriever)
        return _values(standard_scores(RetrievalEvaluator.name, subject, self._prompts.task(cell)))


def _values(scores: list[Score]) -> dict[str, Any]:
    """Return value, lower and upper end of the interval, and sample size of each score, by metric."""
    return {each.metric: [each.value, each.low, each.high, each.sample_size] for each in scores}
