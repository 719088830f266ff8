"""Recall between texts and images in a joint space, by two protocols.

Standard (as in CLIP_benchmark): a text retrieves its image among all images, and an image any of its texts among all
texts; every query counts once.

mCLIP's (`scripts/test/eval_retrieval.py` of its code): both directions loop over texts, so an image with five texts is
queried five times. The texts that an image retrieves are mapped to their images, and the query succeeds if the image is
among the first k of those. Shares are rounded to tenths of a per cent. The second step is more lenient, so scores of the
two protocols are not comparable.

Shape letters: N texts, G images, Q queries, B of them at a time, D the joint width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hub.errors import InvalidRequest
from hub.records import Score
from trainers.corpora.corpus import Prompt
from trainers.evaluation.evaluator import EvaluationSubject, EvaluationTask, make_score
from trainers.evaluation.generation import RANKS, shares_at
from trainers.evaluation.judge import rank_in_parts, ranks
from trainers.evaluation.results.result_log import Result
from trainers.evaluation.results.work import Work, results_of
from trainers.inputs.feature_cache import key_of

AT_ONCE = 256
"""Texts or images that are embedded at a time."""
TO_IMAGE, TO_TEXT = "text_to_image_recall_at_{}", "image_to_text_recall_at_{}"


class RetrievalSides:
    """Both sides of retrieval: the texts of the language, those of the task first, and the images of the gallery."""

    def __init__(self, subject: EvaluationSubject, task: EvaluationTask) -> None:
        if subject.retriever is None:
            raise InvalidRequest(f"`{subject.name}` cannot embed images: evaluate it on `emoji-retrieval`.")
        corpus, prompts = task.corpus, task.prompts()
        concepts = [prompt.concept for prompt in corpus.gallery(task.split)]
        place = {concept: index for index, concept in enumerate(concepts)}
        captions = _captions(task, prompts, place)
        texts = [prompt.text for prompt in captions]

        def embed_texts(loaded: EvaluationSubject, places: Sequence[int]) -> list[Result]:
            assert loaded.retriever is not None
            return [*map(Result, loaded.retriever.embed_texts([texts[each] for each in places]).cpu())]

        def embed_images(loaded: EvaluationSubject, places: Sequence[int]) -> list[Result]:
            assert loaded.retriever is not None
            return [
                *map(Result, loaded.retriever.embed_images(corpus.images([concepts[each] for each in places])).cpu())
            ]

        log, label = task.log(subject, "retriever"), f"{subject.name}: {task.language}, {task.split}"
        self.works = [
            Work(
                label=label, unit=unit, keys=tuple(key_of(unit, each)[:32] for each in what), log=log, compute=compute,
                batch_size=lambda _: AT_ONCE,
            )
            for unit, what, compute in (("text", texts, embed_texts), ("image", concepts, embed_images))
        ]  # fmt: skip
        self.image_of_N = torch.tensor([place[prompt.concept] for prompt in captions])
        self.query_count = len(prompts)
        """Number of captions, from the first, that belong to the task."""
        self._subject, self._quiet = subject, task.quiet

    def embed(self) -> tuple[Tensor, Tensor]:
        """Return the embeddings (N, D) of the texts, and (G, D) of the images. What is missing is computed."""
        found = [results_of(work, self._subject, quiet=self._quiet) for work in self.works]
        captions_ND, images_GD = (torch.stack([result.features_D for result in results]) for results in found)
        return captions_ND, images_GD


def _captions(task: EvaluationTask, prompts: list[Prompt], place: dict[str, int]) -> list[Prompt]:
    """Return the task's texts, then the language's texts of all other images in the gallery, from any split."""
    known = {prompt.concept for prompt in prompts}
    others = []
    for split in task.corpus.base_splits:
        for prompt in task.corpus.prompts(prompts[0].language, split):
            if prompt.concept in place and prompt.concept not in known:
                known.add(prompt.concept)
                others.append(prompt)
    return [*prompts, *others]


def standard_scores(benchmark: str, subject: EvaluationSubject, task: EvaluationTask) -> list[Score]:
    """Return recall@1, 5 and 10, text to image and image to text. Raises `InvalidRequest` without a retriever."""
    sides = RetrievalSides(subject, task)
    captions_ND, images_GD = sides.embed()
    right_N = sides.image_of_N[: sides.query_count]
    to_image = ranks(captions_ND[: sides.query_count], images_GD, right_N)
    queries_Q = right_N.unique()
    to_text = first_of_own(images_GD[queries_Q], captions_ND, queries_Q, sides.image_of_N)
    return [
        make_score(metric.format(k), interval, benchmark, subject, task)
        for metric, found in ((TO_IMAGE, shares_at(to_image)), (TO_TEXT, shares_at(to_text)))
        for k, interval in found.items()
    ]


def mclip_scores(benchmark: str, subject: EvaluationSubject, task: EvaluationTask) -> list[Score]:
    """Return the same by mCLIP's protocol, rounded and therefore without intervals.

    Raises `InvalidRequest` without a retriever.
    """
    sides = RetrievalSides(subject, task)
    captions_ND, images_GD = sides.embed()
    right_N = sides.image_of_N[: sides.query_count]
    to_image = ranks(captions_ND[: sides.query_count], images_GD, right_N)
    to_text = distinct_rank(images_GD[right_N], captions_ND, right_N, sides.image_of_N)
    return [
        make_score(metric.format(k), rounded_share(found, k), benchmark, subject, task, sample_size=sides.query_count)
        for metric, found in ((TO_IMAGE, to_image), (TO_TEXT, to_text))
        for k in RANKS
    ]


def rounded_share(ranks_N: Tensor, k: int) -> float:
    """Return the share of ranks (N,) below k, rounded to tenths of a per cent."""
    return round(100 * (ranks_N < k).double().mean().item(), 1) / 100


def first_of_own(queries_QD: Tensor, captions_ND: Tensor, image_Q: Tensor, image_of_N: Tensor) -> Tensor:
    """Return the rank (Q,) of the best of an image's own texts among all texts; ties count against it.

    Shapes: image features (Q, D), caption features (N, D), image indices (Q,) and (N,).
    """
    captions_DN = captions_ND.double().T

    def rank(queries_BD: Tensor, image_B: Tensor) -> Tensor:
        scores_BN = queries_BD.double() @ captions_DN
        own_BN = image_B[:, None] == image_of_N[None, :]
        best_B1 = scores_BN.masked_fill(~own_BN, -torch.inf).amax(dim=1, keepdim=True)
        return ((scores_BN >= best_B1) & ~own_BN).sum(dim=1)

    return rank_in_parts(rank, len(captions_ND), queries_QD, image_Q)


def distinct_rank(queries_QD: Tensor, captions_ND: Tensor, image_Q: Tensor, image_of_N: Tensor) -> Tensor:
    """Return the rank (Q,) of an image among the distinct images of its retrieved texts, nearest text first.

    Shapes: image features (Q, D), caption features (N, D), image indices (Q,) and (N,).
    """
    captions_DN = captions_ND.double().T

    def rank(queries_BD: Tensor, image_B: Tensor) -> Tensor:
        scores_BN = queries_BD.double() @ captions_DN
        best_BG = torch.full((len(queries_BD), int(image_of_N.max()) + 1), -torch.inf, dtype=scores_BN.dtype)
        best_BG = best_BG.scatter_reduce(1, image_of_N.expand_as(scores_BN), scores_BN, "amax")
        own_B1 = best_BG.gather(1, image_B[:, None])
        return (best_BG >= own_B1).sum(dim=1) - 1

    return rank_in_parts(rank, len(captions_ND), queries_QD, image_Q)


class MclipProtocolEvaluator:
    """Evaluates retrievers by the protocol of mCLIP's tables."""

    name = "emoji-retrieval-mclip"
    needs = "retriever"

    def evaluate(self, subject: EvaluationSubject, task: EvaluationTask) -> list[Score]:
        """Return recall@1, 5 and 10 in both directions. Raises `InvalidRequest` without a retriever."""
        return mclip_scores(self.name, subject, task)

    def works(self, subject: EvaluationSubject, task: EvaluationTask) -> list[Work]:
        """Return the texts and images that `evaluate` embeds. Raises `InvalidRequest`."""
        return RetrievalSides(subject, task).works
