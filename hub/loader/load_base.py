"""The base of a pipeline: its class behind the family's mixin, its weights read once, to where they work."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from hub.bases.family import pipeline_class_of
from hub.errors import DoesNotFit, OutOfMemory, WrongRequest
from hub.loader.adapters import with_adapters
from hub.loader.base_files import weights_of
from hub.loader.modules.load_encoder import base_advice
from hub.loader.modules.loaded_module import working_dtype
from hub.loader.resolve import BaseSource
from hub.remote.configurations import fetch_pipeline
from hub.weights import staging
from hub.weights.quantisation import check_word, shrink
from hub.weights.strict import stored_dtype

_BROUGHT = ("add_embedding",)
"""Parts of a denoiser that a module may bring weights for (MuLan's on SDXL): these take the place of others of their type."""


def load_base(
    base: BaseSource,
    pipeline_class: type[Any] | None,
    device: torch.device,
    dtype: torch.dtype | None,
    settings: dict[str, Any],
    quantisation: str | None = None,
) -> Any:
    """The base behind the family's mixin, its weights copied once: from the mapped file to the device.

    `quantisation`, `8bit` or `4bit`, is for the linear layers of the denoiser and of the base's text encoders.
    """
    import diffusers

    if quantisation is not None:
        check_word(quantisation)  # before gigabytes are read
        if given := {"quantization_config", "device_map"} & settings.keys():
            raise WrongRequest(f"`quantisation={quantisation!r}` and `{min(given)}=` exclude each other: give one.")
    named = pipeline_class or getattr(diffusers, pipeline_class_of(base.folder))
    if not any(each.__name__ in base.family.pipeline_classes for each in named.__mro__):
        raise DoesNotFit(
            f"`{base.name}` is of the family {base.family.name}, and `{named.__name__}` is none of its pipelines."
        )
    made = with_adapters(base.family.with_language(named))
    folder = base.folder
    if base.upstream is not None:
        folder = fetch_pipeline(made, base.upstream.repository, base.upstream.revision, what=base.name)
    found = weights_of(folder, base, given=settings.keys())
    weights = found.get(base.family.denoiser) or next(iter(found.values()))
    working = working_dtype(dtype, device, weights, what=base.name)
    # What is made small is read as it is stored: mapped, where a cast would be a copy of all of it.
    read = working if quantisation is None else stored_dtype(weights, what=base.name)
    pipe = made.from_pretrained(folder, dtype=read, use_safetensors=True, **settings)
    if quantisation is None and (device.type == "cpu" or "device_map" in settings):
        return pipe
    sizes = {name: _count(part) * working.itemsize for name, part in _parts(pipe).items()}
    try:
        if quantisation is not None:
            _shrink(pipe, base, quantisation, device, working)
        else:
            _bring(pipe, device)
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(base_advice(base.name, sizes, working, device)) from error
    return pipe


def _bring(pipe: Any, device: torch.device) -> None:
    """To the device: through one ring of locked buffers to a GPU."""
    if device.type == "cuda":
        ring = staging.Ring(device)
        for part in _parts(pipe).values():
            staging.bring(part, ring)
    pipe.to(device)


def _shrink(pipe: Any, base: BaseSource, word: str, device: torch.device, dtype: torch.dtype) -> None:
    """Denoiser and text encoders; the autoencoder is small, and nearly all of it is convolutions."""
    for name, part in _parts(pipe).items():
        if name == base.family.denoiser or name.startswith("text_encoder"):
            shrink(part, word, device=device, dtype=dtype, whole=_BROUGHT)
        else:
            part.to(device=device, dtype=dtype)


def _parts(pipe: Any) -> dict[str, nn.Module]:
    return {name: part for name, part in pipe.components.items() if isinstance(part, nn.Module)}


def _count(part: nn.Module) -> int:
    return sum(each.numel() for each in part.parameters())
