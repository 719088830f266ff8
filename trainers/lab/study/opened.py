"""Open the subjects of the study: pipelines by language, what they read a prompt as, and retrievers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from hub.loader import load_pipeline, load_retriever
from hub.local import LocalHub
from trainers.corpora.corpus import Prompt
from trainers.evaluation.generation import read_by_module
from trainers.lab.study.cells import WorkFolder
from trainers.lab.study.subjects import BASE, DUAL, ENGLISH, Subject
from trainers.lab.study.training import artifact

KEPT = 3
"""Subjects in memory at a time."""


@dataclass
class Opened:
    """A subject that can be measured."""

    subject: Subject
    plain: Any
    """The base's own pipeline."""
    pipelines: dict[str, Any] = field(default_factory=dict)
    """Pipelines by language; `*` is for all others."""
    retriever: Any = None

    def pipeline(self, language: str) -> Any:
        """Return the pipeline for a language; that of the first language if the subject has none for it."""
        fitting = self.pipelines.get(language, self.pipelines.get("*"))
        return fitting if fitting is not None else next(iter(self.pipelines.values()))

    def read(self, prompts: Sequence[Prompt], language: str) -> list[Prompt]:
        """Return the prompts with the texts that the base's own encoder reads, for a subject that turns prompts into English."""
        if self.subject.name == ENGLISH:
            return [replace(each, text=each.meaning, language="en") for each in prompts]
        if self.subject.name == BASE:
            return list(prompts)
        pipeline = self.pipeline(language)
        with read_by_module(pipeline):
            found = pipeline.translations([each.text for each in prompts])
        return [replace(each, text=text or each.text, language="en") for each, text in zip(prompts, found, strict=True)]


class Translated:
    """A retriever whose texts are translated into English before the dual encoder reads them."""

    def __init__(self, retriever: Any, pipeline: Any) -> None:
        self._retriever = retriever
        self._pipeline = pipeline
        self._known: dict[str, str] = {}

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """Return unit vectors of the translations of texts, (N, D)."""
        if new := [text for text in dict.fromkeys(texts) if text not in self._known]:
            with read_by_module(self._pipeline):
                found = self._pipeline.translations(new)
            self._known |= {text: english or text for text, english in zip(new, found, strict=True)}
        vectors_ND: Tensor = self._retriever.embed_texts([self._known[text] for text in texts])
        return vectors_ND

    def embed_images(self, images: Any) -> Tensor:
        """Return unit vectors of images, (N, D)."""
        vectors_ND: Tensor = self._retriever.embed_images(images)
        return vectors_ND


class Subjects:
    """Opens subjects, and keeps the last few."""

    def __init__(self, work: WorkFolder, base: str, hub: LocalHub) -> None:
        self._work, self._base, self._hub = work, base, hub
        self._plain: Any = None
        self._opened: OrderedDict[str, Opened] = OrderedDict()

    def open(self, subject: Subject) -> Opened:
        """Return a subject, loaded. Raises the errors of `load_pipeline` and `load_retriever`."""
        if subject.name not in self._opened:
            self._opened[subject.name] = self._load(subject)
            while len(self._opened) > KEPT:
                self._opened.popitem(last=False)
        self._opened.move_to_end(subject.name)
        return self._opened[subject.name]

    def forget(self) -> None:
        """Drop everything that is in memory."""
        self._opened.clear()
        self._plain = None

    def _load(self, subject: Subject) -> Opened:
        if subject.retrieves:
            return Opened(subject, None, retriever=self._retriever(subject))
        if self._plain is None:
            self._plain = load_pipeline(self._base, device="cpu", hub=self._hub)
        if subject.training is not None:
            pipelines = {"*": self._adapted(artifact(subject.name, self._work))}
        elif subject.cards:
            pipelines = {tag: self._adapted(name) for tag, name in subject.cards.items()}
        else:
            pipelines = {"*": self._plain}
        return Opened(subject, self._plain, pipelines)

    def _adapted(self, adapter: str | Path) -> Any:
        return load_pipeline(self._base, adapter=adapter, device="cpu", hub=self._hub)

    def _retriever(self, subject: Subject) -> Any:
        if subject.training is not None:
            return load_retriever(DUAL, artifact(subject.name, self._work), device="cpu", hub=self._hub)
        plain = load_retriever(DUAL, device="cpu", hub=self._hub)
        if not subject.method:
            return plain
        return Translated(plain, self._adapted(subject.cards.get("*") or artifact(subject.method, self._work)))
