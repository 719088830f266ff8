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

import torch
from torch import Tensor

from hub.errors import InvalidRequest
from hub.records import Score
from trainers.corpora.corpus import Prompt
from trainers.evaluation.evaluator import EvaluationSubject, EvaluationTask, make_score
from trainers.evaluation.generation import RANKS, shares_at
from trainers.evaluation.judge import rank_in_parts, ranks
from trainers.loop.distributed import compute_on_all_ranks

TO_IMAGE, TO_TEXT = "text_to_image_recall_at_{}", "image_to_text_recall_at_{}"


class RetrievalSides:
    """Embeddings of both sides: the texts of the language, those of the task first, and the images of the gallery."""

    def __init__(self, subject: EvaluationSubject, task: EvaluationTask) -> None:
        if subject.retriever is None:
            raise InvalidRequest(f"`{subject.name}` cannot embed images: evaluate it on `emoji-retrieval`.")
        corpus, prompts = task.corpus, task.prompts()
        concepts = [prompt.concept for prompt in corpus.gallery(task.split)]
        place = {concept: index for index, concept in enumerate(concepts)}
        captions = _captions(task, prompts, place)
        retriever, texts = subject.retriever, [prompt.text for prompt in captions]
        self.images_GD = compute_on_all_ranks(
            lambda first, last: retriever.embed_images(corpus.images(concepts[first:last])),
            len(concepts),
            len(concepts),
        )
        self.captions_ND = compute_on_all_ranks(
            lambda first, last: retriever.embed_texts(texts[first:last]), len(texts), len(texts)
        )
        self.image_of_N = torch.tensor([place[prompt.concept] for prompt in captions])
        self.query_count = len(prompts)
        """Number of captions, from the first, that belong to the task."""


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
    right_N = sides.image_of_N[: sides.query_count]
    to_image = ranks(sides.captions_ND[: sides.query_count], sides.images_GD, right_N)
    queries_Q = right_N.unique()
    to_text = first_of_own(sides.images_GD[queries_Q], sides.captions_ND, queries_Q, sides.image_of_N)
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
    right_N = sides.image_of_N[: sides.query_count]
    to_image = ranks(sides.captions_ND[: sides.query_count], sides.images_GD, right_N)
    to_text = distinct_rank(sides.images_GD[right_N], sides.captions_ND, right_N, sides.image_of_N)
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
