"""`emoji-retrieval`: is a text in one language close to its English meaning?

For a module, the mean embedding of the text through the module is compared with the base's own mean embedding of every
English name in the gallery; for an encoder, its mean states of both. The measure is the cosine after subtracting the
gallery's mean; no images are generated, so it takes seconds. For a retriever, texts retrieve images and images texts
(`trainers.evaluation.recall`).

Shape letters: N texts, G gallery, L tokens, C width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from hub.embeddings import masked_mean
from hub.encoders.text_encoder import TextEncoder
from hub.errors import InvalidRequest
from hub.records import Score
from trainers.evaluation.evaluator import EvaluationSubject, EvaluationTask, make_score
from trainers.evaluation.generation import read_by_module, shares_at
from trainers.evaluation.judge import ranks
from trainers.evaluation.recall import RetrievalSides, standard_scores
from trainers.evaluation.results.result_log import Result
from trainers.evaluation.results.work import Work, results_of
from trainers.inputs.feature_cache import key_of

BATCH_SIZE = 256
ENCODER_LENGTH = 32

States = Callable[[Sequence[str]], Tensor]


class RetrievalEvaluator:
    """Retrieves English names with texts in another language."""

    name = "emoji-retrieval"
    needs = "encoder"

    def evaluate(self, subject: EvaluationSubject, task: EvaluationTask) -> list[Score]:
        """Return recall@1, 5 and 10 over the gallery, for a retriever in both directions. Raises `InvalidRequest`."""
        if subject.retriever is not None:
            return standard_scores(self.name, subject, task)
        prompts = task.prompts()
        _, right_N = task.gallery(prompts)
        found = [results_of(work, subject, quiet=task.quiet) for work in self.works(subject, task)]
        texts_NC, names_GC = (torch.stack([result.features_D for result in results]) for results in found)
        centre_C = names_GC.mean(dim=0)
        shares = shares_at(ranks(texts_NC - centre_C, names_GC - centre_C, right_N))
        return [make_score(f"recall_at_{k}", interval, self.name, subject, task) for k, interval in shares.items()]

    def works(self, subject: EvaluationSubject, task: EvaluationTask) -> list[Work]:
        """Return the texts and the gallery's English names that `evaluate` encodes, or what a retriever embeds. Raises `InvalidRequest`."""
        if subject.retriever is not None:
            return RetrievalSides(subject, task).works
        _text_encoders(subject)
        prompts = task.prompts()
        gallery, _ = task.gallery(prompts)
        log, label = task.log(subject, "texts"), f"{subject.name}: {task.language}, {task.split}"
        sides = ([prompt.text for prompt in prompts], [prompt.text for prompt in gallery])
        return [
            Work(
                label=label, unit="text", keys=tuple(key_of(side, text)[:32] for text in texts), log=log,
                compute=partial(_encode, side, texts), batch_size=lambda _: BATCH_SIZE,
            )
            for side, texts in enumerate(sides)
        ]  # fmt: skip


def _encode(side: int, texts: Sequence[str], loaded: EvaluationSubject, places: Sequence[int]) -> list[Result]:
    """Return the states of some texts; `side` is 0 for a text in any language, 1 for an English name."""
    return [*map(Result, _text_encoders(loaded)[side]([texts[place] for place in places]))]


def _text_encoders(subject: EvaluationSubject) -> tuple[States, States]:
    """Return the functions that encode a text in any language, and an English name."""
    if subject.pipeline is not None:
        return _mean_embeddings(subject.pipeline), _mean_embeddings(subject.plain)
    if subject.encoder is not None:
        return _mean_states(subject.encoder), _mean_states(subject.encoder)
    raise InvalidRequest(f"`{subject.name}` is neither a module nor an encoder, so it cannot retrieve.")


def _mean_embeddings(pipeline: Any) -> States:
    @torch.no_grad()
    def states(texts: Sequence[str]) -> Tensor:
        with read_by_module(pipeline):
            tokens_BLC = pipeline.encode_prompt(list(texts), pipeline.device, 1, do_classifier_free_guidance=False)[0]
        mean_BC: Tensor = tokens_BLC.float().mean(dim=1).cpu()
        return mean_BC

    return states


def _mean_states(encoder: TextEncoder) -> States:
    def states(texts: Sequence[str]) -> Tensor:
        tokens_BLE, mask_BL = encoder.encode(texts, ENCODER_LENGTH)
        return masked_mean(tokens_BLE.float(), mask_BL).cpu()

    return states
