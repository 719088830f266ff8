"""Load the base of a pipeline: its class with the family's mixin, its weights straight to the device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from hub.bases.family import missing_components, pipeline_class_of
from hub.errors import DoesNotFit, InvalidRequest, InvalidSource, OutOfMemory
from hub.loader.adapters import with_adapters
from hub.loader.base_files import find_variant, weights_of
from hub.loader.base_source import BaseSource
from hub.loader.modules.load_encoder import base_advice
from hub.loader.modules.loaded_module import working_dtype
from hub.remote.configurations import fetch_pipeline
from hub.weights import pinned_copy
from hub.weights.quantisation import check_quantisation, compute_dtype, quantise
from hub.weights.strict import stored_dtype
from hub.weights.threads import limit_threads

_REPLACED = ("add_embedding",)
"""Parts of a denoiser that modules can replace (MuLan's on SDXL), and that are therefore not quantised."""


def load_base(
    base: BaseSource,
    pipeline_class: type[Any] | None,
    device: torch.device,
    dtype: torch.dtype | None,
    settings: dict[str, Any],
    quantisation: str | None = None,
) -> Any:
    """Load the base with the family's mixin, copying weights once, from the memory-mapped file to the device.

    `quantisation`, `8bit` or `4bit`, applies to the linear layers of the denoiser and the base's text encoders. Raises
    InvalidRequest, DoesNotFit for a pipeline class of another family, OutOfMemory with advice, and what reading files raises.
    """
    import diffusers

    if quantisation is not None:
        _check_quantised(quantisation, dtype, settings)  # before gigabytes are read
    named = pipeline_class or getattr(diffusers, pipeline_class_of(base.folder))
    if not base.family.has_class(named):
        raise DoesNotFit(
            f"`{base.name}` is of the family {base.family.name}, which has no pipeline `{named.__name__}`."
        )
    made = with_adapters(base.family.with_language(named))
    folder, variant = base.folder, settings.pop("variant", None)
    if base.upstream is not None:
        at = base.upstream
        folder = fetch_pipeline(made, at.repository, at.revision, what=base.name, variant=variant)
    if base.checkpoint is None:
        variant = variant or find_variant(folder, base)
        found = weights_of(folder, base, variant or "", given=settings.keys())
        weights = found.get(base.family.denoiser) or next(iter(found.values()))
        size_bytes = sum(file.stat().st_size for file in found.values())
    else:
        weights = base.checkpoint
        size_bytes = weights.stat().st_size
    working = compute_dtype(quantisation, working_dtype(dtype, device, weights, what=base.name))
    # Weights to be quantised are mapped as stored, because a cast would copy all of them.
    read = working if quantisation is None else stored_dtype(weights, what=base.name)
    with limit_threads(device, size_bytes // 2):  # A parameter has at least two bytes in nearly all files.
        if base.checkpoint is not None:
            pipe = _from_single_file(made, base, base.checkpoint, read, settings)
        else:
            given = missing_components(folder) | settings
            pipe = made.from_pretrained(folder, dtype=read, use_safetensors=True, variant=variant, **given)
    if quantisation is None and (device.type == "cpu" or "device_map" in settings):
        return pipe
    sizes = {name: _count(part) * working.itemsize for name, part in _parts(pipe).items()}
    try:
        if quantisation is not None:
            _quantise(pipe, base, quantisation, device, working)
        else:
            _move(pipe, device)
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(base_advice(base.name, sizes, working, device)) from error
    return pipe


def _check_quantised(quantisation: str, dtype: torch.dtype | None, settings: dict[str, Any]) -> None:
    """Raise InvalidRequest for an unknown `quantisation`, and for settings that exclude it."""
    check_quantisation(quantisation)
    if dtype is not None and dtype != compute_dtype(quantisation, dtype):
        raise InvalidRequest(
            f"`quantisation={quantisation!r}` cannot compute in float16, whose range its sums exceed: pass `dtype=torch.bfloat16`, "
            'or `quantisation="4bit"`.'
        )
    if given := {"quantization_config", "device_map"} & settings.keys():
        raise InvalidRequest(f"`quantisation={quantisation!r}` and `{min(given)}=` cannot be used together: pass one.")


def _from_single_file(
    made: type[Any], base: BaseSource, checkpoint: Path, dtype: torch.dtype, settings: dict[str, Any]
) -> Any:
    """Load a pipeline from one file. Raises InvalidSource for a file without all parts, naming the missing one."""
    from diffusers.loaders.single_file_utils import SingleFileComponentError

    try:
        return made.from_single_file(
            str(checkpoint), config=str(base.folder), dtype=dtype, local_files_only=True, **settings
        )
    except (SingleFileComponentError, ValueError, KeyError, OSError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise InvalidSource(
            f"`{base.name}` cannot be loaded as a {base.family.name} pipeline: {reason}. Name the base that has its layout with `config=`, "
            "or pass missing parts by name, as in diffusers."
        ) from error


def _move(pipe: Any, device: torch.device) -> None:
    """Move all parts to the device; to a GPU through one ring of page-locked buffers."""
    if device.type == "cuda":
        ring = pinned_copy.PinnedRing(device)
        for part in _parts(pipe).values():
            pinned_copy.move_module(part, ring)
    pipe.to(device)


def _quantise(pipe: Any, base: BaseSource, quantisation: str, device: torch.device, dtype: torch.dtype) -> None:
    """Quantise denoiser and text encoders; the autoencoder is small and consists mostly of convolutions."""
    for name, part in _parts(pipe).items():
        if name.startswith((base.family.denoiser, "text_encoder")):  # Wan 2.2 has a `transformer_2`, too
            quantise(part, quantisation, device=device, dtype=dtype, unquantised=_REPLACED)
        else:
            part.to(device=device, dtype=dtype)


def _parts(pipe: Any) -> dict[str, nn.Module]:
    return {name: part for name, part in pipe.components.items() if isinstance(part, nn.Module)}


def _count(part: nn.Module) -> int:
    return sum(each.numel() for each in part.parameters())
