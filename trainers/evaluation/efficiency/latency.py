"""Time what a user waits for, one prompt or image at a time.

Shape letters: N prompts or images, G gallery, D the joint width.
"""

from __future__ import annotations

import inspect
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hub.bases.language_mixin import LanguageMixin
from hub.loader import Retriever
from trainers.evaluation.generation import read_by_module
from trainers.loop.sampler import NOISE_STREAM, generator_of

Call = Callable[[], object]


def milliseconds_of(call: Call, device: torch.device) -> float:
    """Return how long a call takes, until the device has finished."""
    started = time.perf_counter()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return (time.perf_counter() - started) * 1e3


def time_in_turn(ways: Sequence[Callable[[int], object]], count: int, device: torch.device) -> Tensor:
    """Return the milliseconds of `way(place)` for each place and way, (N, ways).

    Each way is called with place -1 first, which is not timed. The ways take turns, so that other load affects all of them.
    """
    for way in ways:
        way(-1)
    rows = [[milliseconds_of(partial(way, place), device) for way in ways] for place in range(count)]
    return torch.tensor(rows, dtype=torch.float64)


def embed_prompt(pipeline: Any, text: str) -> None:
    """Encode one prompt, without a negative one, as the pipeline does."""
    own: Any = super(LanguageMixin, pipeline) if isinstance(pipeline, LanguageMixin) else pipeline
    signature = inspect.signature(own.encode_prompt)
    usual = {
        "prompt": [text], "device": pipeline.device, "num_images_per_prompt": 1, "num_videos_per_prompt": 1,
        "do_classifier_free_guidance": False,
    }  # fmt: skip
    needed = {
        name: None for name, each in signature.parameters.items()
        if each.default is each.empty and each.kind in {each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY}
    }  # fmt: skip
    given = needed | {name: value for name, value in usual.items() if name in signature.parameters}
    with torch.no_grad(), read_by_module(pipeline):
        pipeline.encode_prompt(**given)


def draw_prompt(pipeline: Any, text: str, settings: Mapping[str, Any]) -> None:
    """Generate the image of one prompt, decoded."""
    pipeline.set_progress_bar_config(disable=True)
    with read_by_module(pipeline):
        pipeline([text], **settings, generator=[generator_of(0, NOISE_STREAM, text)], output_type="pt")


class Gallery:
    """Images and texts that a retriever finds, embedded once."""

    def __init__(self, retriever: Retriever, images_G3HW: Tensor, texts: Sequence[str]) -> None:
        self.retriever, self.images_G3HW = retriever, images_G3HW
        self.images_GD = retriever.embed_images(images_G3HW)
        self.texts_ND = retriever.embed_texts(texts)

    def find_images(self, text: str) -> None:
        """Embed a text, and find the ten nearest images."""
        _nearest(self.images_GD, self.retriever.embed_texts([text]))

    def find_texts(self, place: int) -> None:
        """Embed an image, and find the ten nearest texts."""
        _nearest(self.texts_ND, self.retriever.embed_images(self.images_G3HW[place][None]))


def _nearest(rows_ND: Tensor, query_1D: Tensor) -> list[int]:
    places: list[int] = (rows_ND @ query_1D[0]).topk(min(10, len(rows_ND))).indices.tolist()
    return places


def machine_label(device: torch.device, dtype: torch.dtype) -> str:
    """Return the name of what computes, the number of threads of a CPU, and the type of the weights."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        threads = torch.get_num_threads()
        name = f"{_processor()}, {threads} thread{'s' * (threads != 1)}"
    return f"{name}, {str(dtype).removeprefix('torch.')}"


def _processor() -> str:
    """Return the name of the CPU, or its architecture if the system does not say."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines() if cpuinfo.is_file() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next((" ".join(name.split()) for name in named if name), platform.processor() or platform.machine())
