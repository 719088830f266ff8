"""Load safetensors that fit a module exactly, or refuse them with every disagreement.

The header is read and checked before any weight: a truncated, extended or unrelated file never reaches a tensor.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from hub.errors import DamagedFile, InvalidSource, Unreachable, WeightsDoNotFit
from hub.weights import header as weights_header
from hub.weights import pinned_copy
from hub.weights.devices import is_kept_in_float32
from hub.weights.file_kind import ARCHIVE, PICKLE, START_BYTES, kind_of_start
from hub.weights.threads import limit_threads

DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip
STORED = (torch.float32, torch.float16, torch.bfloat16)
"""Types that floating-point weights may be stored in."""


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """One tensor as the header describes it."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    start: int = 0
    """First byte in the file."""


def load_weights(
    module: nn.Module,
    path: Path,
    *,
    what: str,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> None:
    """Load the weights in `path` into `module`, in the type they are stored in unless `dtype` is given.

    They go straight to `device`; without it to the module's device, or to the CPU if the module is on `meta`. They are
    converted one by one, so that there is never a second copy of all of them. Weights that the module's class keeps in float32
    stay in it.
    `what` names the weights in messages. Raises WeightsDoNotFit for other keys, shapes or types, DamagedFile for a
    broken file and InvalidSource for a pickle, and leaves the module unchanged then.
    """
    header = read_header(path, what=what)
    problems = disagreements_of(module.state_dict(), header)
    if problems:
        raise WeightsDoNotFit(what, problems)
    target = torch.device(device) if device is not None else _device_of(module)
    is_kept = is_kept_in_float32(module, dtype)
    wanted = {
        key: torch.float32 if is_kept(key) else dtype or entry.dtype
        for key, entry in header.items()
        if entry.dtype.is_floating_point
    }
    module.load_state_dict(_read(path, header, target, wanted, what=what), assign=True)


def _read(
    path: Path,
    header: Mapping[str, TensorEntry],
    device: torch.device,
    dtypes: Mapping[str, torch.dtype],
    *,
    what: str,
) -> dict[str, Tensor]:
    """Read all tensors of a file: memory-mapped on a CPU, through page-locked memory on a GPU. `dtypes` has new types by name."""
    try:
        if device.type != "cuda":
            parameters = sum(prod(entry.shape) for entry in header.values())
            with safe_open(path, framework="pt") as file, limit_threads(device, parameters):
                return {name: file.get_tensor(name).to(device, dtypes.get(name)) for name in header}
        places = {name: (entry.start, entry.shape, entry.dtype) for name, entry in header.items()}
        return pinned_copy.read_tensors(path, places, pinned_copy.PinnedRing.of(device, path.stat().st_size), dtypes)
    except (SafetensorError, EOFError) as error:
        raise DamagedFile(f"the weights of `{what}` are damaged: {error}. {_fetch_again(what)}") from error


def load_tensors(path: Path, *, what: str) -> dict[str, Tensor]:
    """Return all tensors of a safetensors file by key: any shapes, on the CPU, as stored. Raises DamagedFile and InvalidSource."""
    return _read(path, read_header(path, what=what), torch.device("cpu"), {}, what=what)


def disagreements_of(expected: Mapping[str, Tensor], header: Mapping[str, TensorEntry]) -> list[str]:
    """Return every reason why weights with the shapes and types of `header` cannot replace `expected`; empty if they can."""
    problems = [f"`{key}` is missing" for key in sorted(expected.keys() - header.keys())]
    problems += [f"`{key}` is unexpected" for key in sorted(header.keys() - expected.keys())]
    floating: dict[torch.dtype, str] = {}
    for key in sorted(expected.keys() & header.keys()):
        wanted, found = expected[key], header[key]
        if tuple(wanted.shape) != found.shape:
            problems.append(f"`{key}` is {_shape(found.shape)} and should be {_shape(tuple(wanted.shape))}")
        if wanted.is_floating_point() and found.dtype in STORED:
            floating.setdefault(found.dtype, key)
        elif wanted.is_floating_point() or wanted.dtype != found.dtype:
            kind = "float32, float16 or bfloat16" if wanted.is_floating_point() else _name(wanted.dtype)
            problems.append(f"`{key}` is {_name(found.dtype)} and should be {kind}")
    if len(floating) > 1:
        types = ", ".join(f"`{key}` is {_name(dtype)}" for dtype, key in floating.items())
        problems.append(f"they should share one type ({types})")
    return problems


def stored_dtype(path: Path, *, what: str) -> torch.dtype:
    """Return the type of most floating-point weights in a file, from its header. Raises like `read_header`."""
    dtypes = [entry.dtype for entry in read_header(path, what=what).values() if entry.dtype.is_floating_point]
    return Counter(dtypes).most_common(1)[0][0] if dtypes else torch.float32


def read_header(path: Path, *, what: str) -> dict[str, TensorEntry]:
    """Return name → `TensorEntry` of every tensor, after checking that the file is complete and holds nothing else.

    Raises InvalidSource for a pickle, Unreachable for an unreadable file, DamagedFile for a broken one and WeightsDoNotFit for an
    unsupported type.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            kind = kind_of_start(file.read(START_BYTES))
            file.seek(0)
            header = weights_header.read_header(file)
            begin = file.tell()
        header.pop("__metadata__", None)
        unsupported = {value["dtype"] for value in header.values()} - DTYPES.keys()
        if unsupported:
            raise WeightsDoNotFit(what, [f"its header names the unsupported type `{min(map(str, unsupported))}`"])
        entries = {
            key: TensorEntry(DTYPES[value["dtype"]], tuple(value["shape"]), begin + value["data_offsets"][0])
            for key, value in header.items()
        }
        ends = [tuple(value["data_offsets"]) for value in header.values()]
    except OSError as error:
        raise Unreachable(
            f"the weights of `{what}` cannot be read: {error.strerror}. Fetch them with `hub pull {what}`."
        ) from error
    except (ValueError, TypeError, AttributeError, LookupError) as error:
        if kind in {PICKLE, ARCHIVE}:  # `torch.save` writes an archive of pickles.
            raise InvalidSource(
                f"the weights of `{what}` are a pickle ({path.name}), which can run code; only safetensors are loaded. "
                f"`hub import {path.name}` reads the files of published systems."
            ) from error
        raise DamagedFile(
            f"the weights of `{what}` are damaged: {path.name} ({size} bytes) has no complete safetensors header. {_fetch_again(what)}"
        ) from error
    expected_size = begin + max((end for _, end in ends), default=0)
    if size != expected_size:
        state = "truncated" if size < expected_size else "extended"
        raise DamagedFile(
            f"the weights of `{what}` are damaged: {path.name} is {state}, {size} bytes instead of {expected_size}. {_fetch_again(what)}"
        )
    return entries


def save_weights(module: nn.Module, path: Path, dtype: torch.dtype | None = None) -> None:
    """Write the module's weights to `path` atomically, floating-point ones as `dtype`. Raises Unreachable."""
    weights = {
        key: (value.to(dtype) if dtype is not None and value.is_floating_point() else value)
        .detach()
        .cpu()
        .contiguous()
        .clone()
        for key, value in module.state_dict().items()
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".unfinished-") as folder:
            unfinished = Path(folder) / path.name
            save_file(weights, unfinished, metadata={"format": "pt"})
            with unfinished.open("rb") as file:
                os.fsync(file.fileno())
            unfinished.replace(path)
    except OSError as error:
        raise Unreachable(f"weights cannot be written to `{path.parent.name}`: {error.strerror}.") from error


def _device_of(module: nn.Module) -> torch.device:
    tensor = next(iter(module.state_dict().values()), torch.empty(0))
    return torch.device("cpu") if tensor.device.type == "meta" else tensor.device


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "a scalar"


def _name(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")


def _fetch_again(what: str) -> str:
    return f"Fetch it again with `hub pull {what}`."
