"""Load a text encoder for a module, announce big ones in the log, and advise when memory is short."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from hub.bases.family import read_json
from hub.encoders.text_encoder import TextEncoder
from hub.encoders.text_half import half_of
from hub.encoders.text_half.read_half import stored, weight_files
from hub.encoders.tokenizer import Tokenize
from hub.errors import OutOfMemory
from hub.weights.quantisation import compute_dtype
from hub.weights.sizes import BIG_BYTES, QUANTISED, gigabytes
from hub.weights.strict import read_header

_LOG = logging.getLogger(__name__)


def read_encoder(
    folder: Path,
    name: str,
    *,
    device: torch.device,
    dtype_of: Callable[..., torch.dtype],
    tokenize: Tokenize | None = None,
    quantisation: Any = None,
) -> TextEncoder:
    """Load the encoder in `folder` to `device`, after logging the memory of a big one.

    `dtype_of` is the rule of the load for types, `working_dtype` without its first two arguments. Raises OutOfMemory with advice, and
    what `TextEncoder.from_folder` raises.
    """
    half = half_of(read_json(folder / "config.json")) if (folder / "config.json").is_file() else None
    files = weight_files(folder, half, what=name)
    working = compute_dtype(quantisation, dtype_of(files[0], what=name))
    if half is not None:
        entries = [entry for _, _, entry in stored(folder, half, what=name).values()]
    else:
        entries = [entry for path in files for entry in read_header(path, what=name).values()]
    count = sum(math.prod(entry.shape) for entry in entries)
    size_bytes = _size_bytes(count, working, quantisation)
    if size_bytes >= BIG_BYTES:
        _LOG.warning(
            "loading the text encoder `%s`: %.1f billion parameters, %s in %s.",
            name, count / 1e9, gigabytes(size_bytes), quantisation if isinstance(quantisation, str) else _dtype_name(working),
        )  # fmt: skip
    try:
        return TextEncoder.from_folder(
            folder, device=device, dtype=working, what=name, tokenize=tokenize, quantisation=quantisation
        )
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(encoder_advice(name, count, size_bytes, device)) from error


def encoder_advice(name: str, count: int, size_bytes: int, device: torch.device) -> str:
    """Return the size that did not fit, and settings that need less."""
    smaller = {
        **{f'`encoder_quantisation="{word}"`': round(count * share) for word, share in QUANTISED.items()},
        "`dtype=torch.float16`": 2 * count,
    }
    options = [f"{option} takes {gigabytes(size)}" for option, size in smaller.items() if size < size_bytes]
    return (
        f"the text encoder `{name}` takes {gigabytes(size_bytes)} and does not fit {free_memory(device)}: "
        f"{', '.join(options) or 'no smaller type is available'}. `device='cpu'` takes {gigabytes(4 * count)} of main memory in "
        f"float32, and {gigabytes(2 * count)} with `dtype=torch.bfloat16`."
    )


def module_advice(name: str, size_bytes: int, device: torch.device) -> str:
    """Return advice for a module, which is small compared with the models loaded before it."""
    return (
        f"the module `{name}` takes {gigabytes(size_bytes)} and does not fit {free_memory(device)}: `pipe.free_encoder()` frees encoders, "
        "`resident_bytes=` limits modules, and `pipe.enable_model_cpu_offload()` keeps parts of the base on the CPU while unused."
    )


def base_advice(name: str, sizes_bytes: Mapping[str, int], dtype: torch.dtype, device: torch.device) -> str:
    """Return the size of a base that did not fit, and ways of loading that need less."""
    total_bytes, largest = sum(sizes_bytes.values()), max(sizes_bytes, key=lambda part: sizes_bytes[part])
    half = f"`dtype=torch.float16` takes {gigabytes(total_bytes / 2)}; " if dtype == torch.float32 else ""
    return (
        f"`{name}` takes {gigabytes(total_bytes)} in {_dtype_name(dtype)} and does not fit {free_memory(device)}: {half}"
        f"`device='cpu', dtype={dtype}` and then `pipe.enable_model_cpu_offload()` takes {gigabytes(sizes_bytes[largest])}, its "
        f"{largest}; "
        "`pipe.enable_sequential_cpu_offload()` loads one layer at a time."
    )


def free_memory(device: torch.device) -> str:
    """Return `cuda:0, which has 3.20 GB free of 8.00 GB`."""
    if device.type != "cuda":
        return str(device)
    free, total = torch.cuda.mem_get_info(device)
    return f"{device}, which has {gigabytes(free)} free of {gigabytes(total)}"


def _size_bytes(count: int, dtype: torch.dtype, quantisation: Any) -> int:
    share = QUANTISED.get(quantisation) if isinstance(quantisation, str) else None
    return round(count * (dtype.itemsize if share is None else share))


def _dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
