"""Generate and judge images prompt by prompt. Only what a metric needs of an image is kept.

Shape letters: B images of a batch, H and W an image.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from trainers.corpora.corpus import Prompt
from trainers.evaluation.generation import batch_size_of, draw_images
from trainers.evaluation.prompts.clip_judge import ClipJudge
from trainers.evaluation.results.result_log import Result

ReadText = Callable[[Tensor], str]
"""Reads the text in a uint8 image (3, H, W)."""


def judge_prompts(
    pipeline: Any,
    prompts: Sequence[Prompt],
    judge: ClipJudge,
    *,
    seed: int,
    settings: Mapping[str, Any],
    read_text: ReadText | None = None,
    keep: Path | None = None,
) -> list[Result]:
    """Generate an image for each prompt in this process, and return one result per prompt, in the same order.

    An image depends on (seed, concept, text) alone, so a list can be split, and the results of its parts joined. `settings` are
    arguments of the pipeline's call. With `keep`, images are written into that folder as CONCEPT.png.
    """
    results = []
    size = batch_size_of(pipeline)
    for first in range(0, len(prompts), size):
        batch = prompts[first : first + size]
        images_B3HW = draw_images(pipeline, batch, seed=seed, settings=settings)
        bytes_B3HW = (images_B3HW * 255).round().to(torch.uint8)
        texts = [read_text(image) for image in bytes_B3HW] if read_text else [""] * len(batch)
        results += [Result(row_D, text) for row_D, text in zip(judge.images(bytes_B3HW), texts, strict=True)]
        if keep is not None:
            _write(bytes_B3HW, batch, keep)
    return results


def image_file(prompt: Prompt, folder: Path) -> Path:
    """Return the file of a prompt's image in a folder of kept images."""
    name = re.sub(r"[^\w.-]", "_", prompt.concept)
    return folder / f"{name}.png"


def _write(images_B3HW: Tensor, prompts: Sequence[Prompt], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for image, prompt in zip(images_B3HW, prompts, strict=True):
        path = image_file(prompt, folder)
        unfinished = path.with_suffix(".part")
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(unfinished, format="png")
        unfinished.replace(path)
