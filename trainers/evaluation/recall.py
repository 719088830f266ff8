"""Recall between texts and images in one space, by two protocols.

Standard (as in CLIP_benchmark): a text looks for its image among all images, and an image for any of its texts
among all texts; every query counts once.

mCLIP's (`scripts/test/eval_retrieval.py` of its code): both ways loop over texts, so that an image with five texts
asks five times; the texts that an image finds are reduced to the images they belong to, and it succeeds if it is
among the first k of those; shares are rounded to tenths of a per cent. The second step is more lenient, so the two
protocols cannot be compared.

Shape letters: N texts, G images, D the joint width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hub.errors import InvalidRequest
from hub.records import Score
from trainers.corpora.corpus import Prompt
from trainers.evaluation.evaluator import EvaluationSubject, EvaluationTask, make_score
from trainers.evaluation.generation import RANKS, shares_at
from trainers.evaluation.judge import ranks

TO_IMAGE, TO_TEXT = "text_to_image_recall_at_{}", "image_to_text_recall_at_{}"


class RetrievalSides:
    """What is matched: the task's texts, all texts of the language, and all images of the gallery."""

    def __init__(self, subject: EvaluationSubject, task: EvaluationTask) -> None:
        if subject.retriever is None:
            raise InvalidRequest(f"`{subject.name}` reads no images: judge it on `emoji-retrieval`.")
        corpus, prompts = task.corpus, task.prompts()
        concepts = [prompt.concept for prompt in corpus.gallery(task.split)]
        place = {concept: index for index, concept in enumerate(concepts)}
        captions = _captions(task, prompts, place)
        self.images_GD = subject.retriever.embed_images(corpus.images(concepts)).cpu()
        self.captions_ND = subject.retriever.embed_texts([prompt.text for prompt in captions]).cpu()
        self.image_of_N = torch.tensor([place[prompt.concept] for prompt in captions])
        self.asked = len(prompts)
        """So many of the captions, the first ones, are the task's."""


def _captions(task: EvaluationTask, prompts: list[Prompt], place: dict[str, int]) -> list[Prompt]:
    """The task's texts, then the language's for all other images, whatever split they are of."""
    known = {prompt.concept for prompt in prompts}
    others = []
    for split in task.corpus.base_splits:
        for prompt in task.corpus.prompts(prompts[0].language, split):
            if prompt.concept in place and prompt.concept not in known:
                known.add(prompt.concept)
                others.append(prompt)
    return [*prompts, *others]


def standard_scores(benchmark: str, subject: EvaluationSubject, task: EvaluationTask) -> list[Score]:
    """Recall@1, 5 and 10, text to image and image to text."""
    sides = RetrievalSides(subject, task)
    right_N = sides.image_of_N[: sides.asked]
    to_image = ranks(sides.captions_ND[: sides.asked], sides.images_GD, right_N)
    asked_G = right_N.unique()
    to_text = first_of_own(sides.images_GD[asked_G], sides.captions_ND, asked_G, sides.image_of_N)
    return [
        make_score(metric.format(k), interval, benchmark, subject, task)
        for metric, found in ((TO_IMAGE, shares_at(to_image)), (TO_TEXT, shares_at(to_text)))
        for k, interval in found.items()
    ]


def mclip_scores(benchmark: str, subject: EvaluationSubject, task: EvaluationTask) -> list[Score]:
    """The same by mCLIP's protocol, without intervals: the values are rounded."""
    sides = RetrievalSides(subject, task)
    right_N = sides.image_of_N[: sides.asked]
    to_image = ranks(sides.captions_ND[: sides.asked], sides.images_GD, right_N)
    to_text = distinct_rank(sides.images_GD[right_N], sides.captions_ND, right_N, sides.image_of_N)
    return [
        make_score(metric.format(k), rounded_share(found, k), benchmark, subject, task, sample_size=sides.asked)
        for metric, found in ((TO_IMAGE, to_image), (TO_TEXT, to_text))
        for k in RANKS
    ]


def rounded_share(ranks_N: Tensor, k: int) -> float:
    """Share of ranks below k, in tenths of a per cent."""
    return round(100 * (ranks_N < k).double().mean().item(), 1) / 100


def first_of_own(queries_QD: Tensor, captions_ND: Tensor, image_Q: Tensor, image_of_N: Tensor) -> Tensor:
    """Rank (Q,) of the best of an image's own texts among all texts; texts of others that tie count against it."""
    scores_QN = queries_QD.double() @ captions_ND.double().T
    own_QN = image_Q[:, None] == image_of_N[None, :]
    best_Q1 = scores_QN.masked_fill(~own_QN, -torch.inf).amax(dim=1, keepdim=True)
    return ((scores_QN >= best_Q1) & ~own_QN).sum(dim=1)


def distinct_rank(queries_QD: Tensor, captions_ND: Tensor, image_Q: Tensor, image_of_N: Tensor) -> Tensor:
    """Rank (Q,) of an image among the distinct images whose texts it finds, nearest text first."""
    scores_QN = queries_QD.double() @ captions_ND.double().T
    best_QG = torch.full((len(queries_QD), int(image_of_N.max()) + 1), -torch.inf, dtype=scores_QN.dtype)
    best_QG = best_QG.scatter_reduce(1, image_of_N.expand_as(scores_QN), scores_QN, "amax")
    own_Q1 = best_QG.gather(1, image_Q[:, None])
    return (best_QG >= own_Q1).sum(dim=1) - 1


class MclipProtocolEvaluator:
    """Retrievers by the protocol of mCLIP's tables."""

    name = "emoji-retrieval-mclip"
    needs = "retriever"

    def evaluate(self, subject: EvaluationSubject, task: EvaluationTask) -> list[Score]:
        """Recall@1, 5 and 10 both ways."""
        return mclip_scores(self.name, subject, task)
