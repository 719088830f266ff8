"""Count the images that an evaluation generates, and find its stored results while it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from hub.local import LocalHub
from trainers.evaluation import generation
from trainers.evaluation.prompts import image_results


def draw_pairs(
    patch: Callable[..., None], drawn: list[str], stop: Callable[[], object] = lambda: None, after: int = 99
) -> None:
    """Generate images two at a time, list their prompts, and call `stop` after `after` of them."""
    draw = generation.draw_images

    def draw_and_count(pipeline: Any, prompts: Sequence[Any], **settings: Any) -> torch.Tensor:
        if len(drawn) >= after:
            stop()
        drawn.extend(prompt.text for prompt in prompts)
        return draw(pipeline, prompts, **settings)

    patch(generation, "BATCH_SIZE", 2)
    patch(image_results, "draw_images", draw_and_count)
    patch(generation, "draw_images", draw_and_count)


def interrupt() -> None:
    """Stop as Ctrl+C does."""
    raise KeyboardInterrupt


def logs(hub: LocalHub) -> list[Path]:
    """Return the files of kept results."""
    return list(hub.home.caches.glob("evaluation-*/*.jsonl"))
