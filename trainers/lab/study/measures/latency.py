"""Measure how long a subject takes for one text or image, in processor time, which other processes hardly change."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from statistics import median
from typing import Any

import torch

from trainers.evaluation.generation import GUIDANCE, STEPS, read_by_module
from trainers.lab.study.measures.prompts import Prompts
from trainers.lab.study.opened import Opened
from trainers.lab.study.plan import TEXTS

IMAGES = 3
"""Generated images whose time is taken."""


def latency_of(opened: Opened, prompts: Prompts, language: str, steps: int) -> dict[str, Any]:
    """Return milliseconds, each the median of repetitions. The texts are in another case than in other cells, so that no cache has them."""
    texts = [each.text.swapcase() for each in prompts.corpus.prompts(language, "seen")]
    if opened.subject.retrieves:
        return _retrieval(opened.retriever, texts, prompts)
    pipeline = opened.pipeline(language)

    def embed(text: str) -> None:
        with torch.no_grad(), read_by_module(pipeline):
            pipeline.encode_prompt([text], pipeline.device, 1, do_classifier_free_guidance=False)

    def generate(count: int) -> Callable[[str], None]:
        def one(text: str) -> None:
            pipeline.set_progress_bar_config(disable=True)
            with read_by_module(pipeline):
                pipeline(
                    text, num_inference_steps=count, guidance_scale=GUIDANCE, generator=torch.Generator().manual_seed(0)
                )

        return one

    embed(texts[0])
    return {
        "text_to_embedding_ms": _median(embed, texts[1 : 1 + TEXTS]),
        f"text_to_image_{STEPS}_steps_ms": _median(generate(STEPS), texts[40 : 40 + IMAGES]),
        f"text_to_image_{steps}_steps_ms": _median(generate(steps), texts[50 : 50 + IMAGES]),
    }


def _retrieval(retriever: Any, texts: list[str], prompts: Prompts) -> dict[str, Any]:
    gallery = prompts.gallery("seen")
    images_G3HW = prompts.corpus.images([each.concept for each in gallery])
    images_GD, names_GD = retriever.embed_images(images_G3HW), retriever.embed_texts([each.text for each in gallery])
    retriever.embed_texts(texts[:1])
    return {
        "text_to_image_retrieval_ms": _median(
            lambda text: (images_GD @ retriever.embed_texts([text])[0]).topk(10), texts[1 : 1 + TEXTS]
        ),
        "image_to_text_retrieval_ms": _median(
            lambda place: (names_GD @ retriever.embed_images(images_G3HW[place : place + 1])[0]).topk(10), range(TEXTS)
        ),
    }


def _median(call: Callable[[Any], Any], arguments: Iterable[Any]) -> float:
    taken = []
    for each in arguments:
        started = time.process_time()
        call(each)
        taken.append(1000 * (time.process_time() - started))
    return round(median(taken), 2)
