"""Generate and judge images prompt by prompt. Only what a metric needs of an image is kept.

Shape letters: B images of a batch, D features, H and W an image.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from trainers.corpora.corpus import Prompt
from trainers.evaluation.generation import generate_images
from trainers.evaluation.prompts.clip_judge import ClipJudge
from trainers.loop.distributed import process_place

_AT_ONCE = 64
"""Prompts of each process whose images are in memory at a time."""

ReadText = Callable[[Tensor], str]
"""Reads the text in a uint8 image (3, H, W)."""


@dataclass(frozen=True, slots=True)
class ImageResult:
    """What is kept of the image of one prompt."""

    features_D: Tensor
    """The judge's features, not normalised."""
    text: str = ""
    """The text in the image, if it was read."""


def judge_prompts(
    pipeline: Any,
    prompts: Sequence[Prompt],
    judge: ClipJudge,
    *,
    seed: int,
    settings: Mapping[str, Any],
    read_text: ReadText | None = None,
    keep: Path | None = None,
    quiet: bool = False,
    label: str = "generating",
) -> list[ImageResult]:
    """Generate an image for each prompt, and return one result per prompt, in the same order.

    An image depends on (seed, concept, text) alone, so a list can be split, and the results of its parts joined. The processes of a
    distributed run divide the generation among them. `settings` are arguments of the pipeline's call. With `keep`, images are written
    into that folder as CONCEPT.png.
    """
    results = []
    rank, processes = process_place()
    size = _AT_ONCE * processes
    for first in range(0, len(prompts), size):
        batch = prompts[first : first + size]
        images_B3HW = generate_images(pipeline, batch, seed=seed, quiet=quiet, label=label, settings=settings)
        bytes_B3HW = (images_B3HW * 255).round().to(torch.uint8)
        if keep is not None and rank == 0:
            _write(bytes_B3HW, batch, keep)
        texts = [read_text(image) for image in bytes_B3HW] if read_text else [""] * len(batch)
        results += [
            ImageResult(features_D, text) for features_D, text in zip(judge.images(bytes_B3HW), texts, strict=True)
        ]
    return results


def _write(images_B3HW: Tensor, prompts: Sequence[Prompt], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for image, prompt in zip(images_B3HW, prompts, strict=True):
        name = re.sub(r"[^\w.-]", "_", prompt.concept)
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / f"{name}.png")
