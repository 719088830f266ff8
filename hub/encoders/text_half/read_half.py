"""Read the tensors of the text half from the files that hold them, and nothing else.

The index of a sharded repository, `model.safetensors.index.json`, lists the file of each tensor. Files without a
tensor of the half may be missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from hub.encoders.text_half.text_half import TextHalf
from hub.errors import DamagedFile, InvalidSource, UnknownFile, WeightsDoNotFit
from hub.weights.devices import is_kept_in_float32
from hub.weights.quantisation import load_quantised
from hub.weights.strict import TensorEntry, disagreements_of, read_header

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json")


def needed_files(index: Mapping[str, Any], half: TextHalf | None) -> list[str]:
    """Return the files of a sharded repository with tensors of the half, sorted; all files if `half` is None."""
    return sorted({file for key, file in index["weight_map"].items() if half is None or half.rename(key) is not None})


def read_half(
    folder: Path,
    half: TextHalf,
    config: Mapping[str, Any],
    *,
    what: str,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    quantisation: Any = None,
) -> nn.Module:
    """Load the half of `folder` as its transformers model, in the type it is stored in unless `dtype` is given.

    `quantisation` is one of transformers' configurations: linear layers are quantised as they are read. Other tensors are
    not read. Raises WeightsDoNotFit with every disagreement, DamagedFile for truncated files, UnknownFile for a missing one
    and InvalidSource for pickles.
    """
    model, places, ties = _fitting(folder, half, config, what=what)
    if quantisation is not None:
        mapped = dict(_tensors(model, places, torch.device("cpu"), dtype, what=what))
        return load_quantised(model, mapped, quantisation, device, what=what)
    state = dict(_tensors(model, places, torch.device(device), dtype, what=what))
    state |= {copy: state[original] for copy, original in ties.items() if original in state}
    model.load_state_dict(state, assign=True)
    return model.to(device)


def check_half(folder: Path, half: TextHalf, config: Mapping[str, Any], *, what: str) -> None:
    """Check that `folder` holds the complete half, reading only headers. Raises as `read_half`."""
    _fitting(folder, half, config, what=what)


def stored(folder: Path, half: TextHalf, *, what: str) -> dict[str, tuple[Path, str, TensorEntry]]:
    """Return name in the model → file, stored name and header entry, for every tensor of the half."""
    found: dict[str, tuple[Path, str, TensorEntry]] = {}
    for path in weight_files(folder, half, what=what):
        for key, entry in read_header(path, what=what).items():
            name = half.rename(key)
            if name is not None:
                found[name] = (path, key, entry)
    return found


def weight_files(folder: Path, half: TextHalf | None, *, what: str) -> list[Path]:
    """Return the files with the half, or all without one. Raises UnknownFile, InvalidSource and DamagedFile."""
    if (folder / INDEX).is_file():
        try:
            names = needed_files(json.loads((folder / INDEX).read_text(encoding="utf-8")), half)
        except (ValueError, LookupError, AttributeError) as error:
            raise DamagedFile(f"{INDEX} of `{what}` cannot be read. Fetch it again with `hub pull {what}`.") from error
    else:
        names = [WEIGHTS]
    missing = [name for name in names if not (folder / name).is_file()]
    if missing and any((folder / each).exists() for each in PICKLES):
        raise InvalidSource(
            f"the weights of `{what}` are available as pickles alone, which can run code and are never loaded: "
            f"`hub pull {what}` converts them."
        )
    if missing:
        raise UnknownFile(missing[0], listing=f"hub pull {what}")
    return [folder / name for name in names]


def _fitting(
    folder: Path, half: TextHalf, config: Mapping[str, Any], *, what: str
) -> tuple[nn.Module, dict[str, tuple[Path, str, TensorEntry]], dict[str, str]]:
    """Return the model without memory, the place of each tensor, and copy → original of tied weights."""
    from accelerate import init_empty_weights

    with init_empty_weights(include_buffers=False):  # buffers are computed, not stored
        model = half.make(config)
    ties: dict[str, str] = dict(getattr(model, "_tied_weights_keys", None) or {})
    places = stored(folder, half, what=what)
    for copy, original in ties.items():
        if copy in places:  # stored twice, or under the copy's name alone
            places.setdefault(original, places[copy])
            del places[copy]
    wanted = {key: value for key, value in model.state_dict().items() if key not in ties}
    problems = disagreements_of(wanted, {name: entry for name, (_, _, entry) in places.items()})
    if problems:
        raise WeightsDoNotFit(what, problems)
    return model, places, ties


def _tensors(
    model: nn.Module,
    places: Mapping[str, tuple[Path, str, TensorEntry]],
    device: torch.device,
    dtype: torch.dtype | None,
    *,
    what: str,
) -> Iterable[tuple[str, Tensor]]:
    """Yield each tensor on `device` in its type, converted one by one."""
    is_kept = is_kept_in_float32(model, dtype)
    by_file: dict[Path, list[tuple[str, str]]] = {}
    for name, (path, key, _) in places.items():
        by_file.setdefault(path, []).append((name, key))
    for path, wanted in by_file.items():
        try:
            with safe_open(path, framework="pt", device=str(device) if device.type == "cuda" else "cpu") as file:
                for name, key in wanted:
                    value = file.get_tensor(key)
                    new = torch.float32 if is_kept(name) else dtype
                    yield name, value.to(device, new if value.is_floating_point() else None)
        except SafetensorError as error:
            raise DamagedFile(
                f"{path.name} of `{what}` is damaged: {error}. Fetch it again with `hub pull {what}`."
            ) from error
