"""Evaluate retrievers on published captions, by the standard protocol and by mCLIP's (see `trainers.evaluation.recall`).

Shape letters: N captions, G images, Q queries, D the joint width, K pairs of direction and k.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from hub.errors import InvalidRequest
from hub.records import Score
from trainers.evaluation.captions.caption_set import CaptionSet
from trainers.evaluation.confidence import Interval, bootstrap_ratio
from trainers.evaluation.data_folder import DataFolder, file_digest, open_image
from trainers.evaluation.data_task import COSTS, DataOptions, DataTask
from trainers.evaluation.evaluator import EvaluationSubject, make_score, versions
from trainers.evaluation.generation import RANKS
from trainers.evaluation.judge import ranks
from trainers.evaluation.recall import TO_IMAGE, TO_TEXT, distinct_rank, first_of_own
from trainers.evaluation.results.result_log import Result, ResultLogs
from trainers.evaluation.results.work import Work, results_of
from trainers.inputs.feature_cache import key_of
from trainers.loop.sampler import seed_of

IMAGES_AT_ONCE, TEXTS_AT_ONCE = 64, 256
"""Image files that are open, and captions that are embedded, at a time."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EmbeddedCaptions:
    """Embeddings of all captions and images of a language, and the images to evaluate."""

    captions_ND: Tensor
    images_GD: Tensor
    image_of_N: Tensor
    """Index of the image of each caption."""
    asked_Q: Tensor
    """Indices of the images whose captions are queries."""

    def queries(self) -> Tensor:
        """Return the indices of the captions that are queries."""
        return torch.isin(self.image_of_N, self.asked_Q).nonzero()[:, 0]


@dataclass(frozen=True, slots=True)
class HitCounts:
    """Hits and queries of each image, by direction and k: (G, K)."""

    hits_GK: Tensor
    queries_GK: Tensor
    names: tuple[str, ...]
    """Metric of each column."""


class CaptionBenchmark(ABC):
    """A benchmark of retrieval on published captions, by the standard protocol.

    A subclass defines how its files are read. One object evaluates all languages of a run, and embeds images that they share once.
    """

    name: str
    needs = "retriever"
    splits: tuple[str, ...] = ("test",)
    default_count = 0
    """All images are evaluated without `--n`."""
    layout: str
    """The files that it expects, for messages."""
    decimals: int | None = None
    """Decimals to which shares are rounded."""

    def __init__(self) -> None:
        self._logs = ResultLogs(None)

    @abstractmethod
    def read(self, folder: DataFolder, split: str) -> CaptionSet:
        """Read the captions of a split. Raises `InvalidRequest` and `DamagedFile`."""

    def open(self, folder: Path, split: str) -> CaptionSet:
        """Read the captions of a split. Raises `InvalidRequest` and `DamagedFile`."""
        return self.read(DataFolder(self.name, folder, self.layout), split)

    def evaluate(self, subject: EvaluationSubject, task: DataTask) -> list[Score]:
        """Return recall@1, 5 and 10 in both directions and their mean in one language. Raises `InvalidRequest`."""
        works = self.works(subject, task)
        data: CaptionSet = task.data
        if (repeated := data.repeated(task.language)) and not task.quiet:
            logger.warning(
                "%s, %s: %d captions belong to several images, which a text cannot distinguish.", self.name,
                task.language, repeated,
            )  # fmt: skip
        found = [results_of(work, subject, quiet=task.quiet) for work in works]
        texts_ND, images_GD = (torch.stack([result.features_D for result in results]) for results in found)
        counts = self.count_hits(self._joined(texts_ND, images_GD, task))
        columns = {name: bootstrap(counts, [place], task.seed) for place, name in enumerate(counts.names)}
        columns["mean_recall"] = bootstrap(counts, range(len(counts.names)), task.seed)
        return [
            make_score(metric, interval, self.name, subject, task)
            for metric, interval in self._rounded(columns).items()
        ]

    def check_options(self, choice: DataOptions) -> None:
        """Raise `InvalidRequest` for options of benchmarks that generate images."""
        options = ("--judge", "--metric", "--steps", "--guidance", "--force", "--keep", *COSTS)
        choice.refuse(self.name, "it generates no images", *options)

    def count_hits(self, embedded: EmbeddedCaptions) -> HitCounts:
        """Count the hits of each image by the standard protocol: a caption must find its image, an image any of its captions."""
        queries_Q, asked_Q, image_of_N = embedded.queries(), embedded.asked_Q, embedded.image_of_N
        to_image_Q = ranks(embedded.captions_ND[queries_Q], embedded.images_GD, image_of_N[queries_Q])
        to_text_Q = first_of_own(embedded.images_GD[asked_Q], embedded.captions_ND, asked_Q, image_of_N)
        return tally(embedded, (TO_IMAGE, to_image_Q, image_of_N[queries_Q]), (TO_TEXT, to_text_Q, asked_Q))

    def works(self, subject: EvaluationSubject, task: DataTask) -> list[Work]:
        """Return the texts and the images that `evaluate` embeds. Raises `InvalidRequest`."""
        if subject.retriever is None:
            raise InvalidRequest(f"`{subject.name}` cannot embed images: evaluate a dual encoder or a retriever.")
        data: CaptionSet = task.data
        texts = [caption.text for caption in data.captions(task.language)]
        paths = list(data.images(task.language).values())

        def embed_texts(loaded: EvaluationSubject, places: Sequence[int]) -> list[Result]:
            assert loaded.retriever is not None
            rows_BD = loaded.retriever.embed_texts([texts[each] for each in places]).cpu()
            return [Result(row_D) for row_D in rows_BD]

        def embed_images(loaded: EvaluationSubject, places: Sequence[int]) -> list[Result]:
            assert loaded.retriever is not None
            rows_BD = loaded.retriever.embed_images([open_image(paths[each]) for each in places]).cpu()
            return [Result(row_D) for row_D in rows_BD]

        here = () if subject.identity else (id(subject.retriever),)
        log = (task.logs or self._logs).open(subject.identity, versions(), *here)
        label = f"{subject.name}: {task.language}"
        return [
            Work(label=label, unit="text", keys=tuple(map(key_of, texts)), log=log, compute=embed_texts, batch_size=_texts_at_once),
            Work(
                label=label, unit="image", keys=tuple(map(file_digest, paths)), log=log, compute=embed_images,
                batch_size=_images_at_once,
            ),
        ]  # fmt: skip

    def _joined(self, texts_ND: Tensor, images_GD: Tensor, task: DataTask) -> EmbeddedCaptions:
        """Return embeddings of captions (N, D) and images (G, D) with the images of the captions, and the images to evaluate."""
        data: CaptionSet = task.data
        place = {name: index for index, name in enumerate(data.images(task.language))}
        names = sorted(place, key=lambda name: seed_of(task.seed, "queries", name))
        asked = names[: task.count] if task.count else names
        return EmbeddedCaptions(
            texts_ND,
            images_GD,
            torch.tensor([place[caption.image] for caption in data.captions(task.language)]),
            torch.tensor(sorted(place[name] for name in asked)),
        )

    def _rounded(self, columns: dict[str, Interval]) -> dict[str, Interval]:
        """Return the values as the protocol rounds them; the mean is that of rounded values."""
        if self.decimals is None:
            return columns
        rounded = {name: round(each.value, self.decimals) for name, each in columns.items() if name != "mean_recall"}
        rounded["mean_recall"] = sum(rounded.values()) / len(rounded)
        return {
            name: replace(
                each, value=rounded[name], low=min(each.low, rounded[name]), high=max(each.high, rounded[name])
            )
            for name, each in columns.items()
        }


class MclipProtocol(CaptionBenchmark):
    """The protocol of mCLIP's tables: both directions ask once per caption, retrieved captions are de-duplicated by image."""

    decimals = 3  # Tenths of a per cent.

    def count_hits(self, embedded: EmbeddedCaptions) -> HitCounts:
        """Count the hits of each image by mCLIP's protocol."""
        queries_Q, image_of_N = embedded.queries(), embedded.image_of_N
        right_Q = image_of_N[queries_Q]
        to_image_Q = ranks(embedded.captions_ND[queries_Q], embedded.images_GD, right_Q)
        to_text_Q = distinct_rank(embedded.images_GD[right_Q], embedded.captions_ND, right_Q, image_of_N)
        return tally(embedded, (TO_IMAGE, to_image_Q, right_Q), (TO_TEXT, to_text_Q, right_Q))


def _texts_at_once(_: EvaluationSubject) -> int:
    return TEXTS_AT_ONCE


def _images_at_once(_: EvaluationSubject) -> int:
    return IMAGES_AT_ONCE


def tally(embedded: EmbeddedCaptions, *directions: tuple[str, Tensor, Tensor]) -> HitCounts:
    """Count hits by image. Each direction has the name of its metric, the ranks of its queries (Q,) and their images (Q,)."""
    hits, queries, names = [], [], []
    for metric, ranks_Q, image_Q in directions:
        for k in RANKS:
            hits.append(torch.bincount(image_Q, (ranks_Q < k).double(), minlength=len(embedded.images_GD)))
            queries.append(torch.bincount(image_Q, minlength=len(embedded.images_GD)).double())
            names.append(metric.format(k))
    asked_Q = embedded.asked_Q
    return HitCounts(torch.stack(hits, dim=1)[asked_Q], torch.stack(queries, dim=1)[asked_Q], tuple(names))


def bootstrap(counts: HitCounts, columns: Sequence[int], seed: int) -> Interval:
    """Return the mean share over columns, with its interval over resampled images; n is the number of queries of the first."""
    chosen = list(columns)
    found = bootstrap_ratio(counts.hits_GK[:, chosen], counts.queries_GK[:, chosen], seed=seed)
    return replace(found, count=int(counts.queries_GK[:, chosen[0]].sum()))
