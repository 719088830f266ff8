"""Read the tensors of one half: from the files that hold them, and no byte of the others.

A sharded repository has an index, `model.safetensors.index.json`, that says which file holds which tensor. Files without a
tensor of the half need not be there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from hub.encoders.text_half.text_half import Half
from hub.errors import Damaged, UnknownFile, WeightsDoNotFit, WrongSource
from hub.weights.quantisation import quantised
from hub.weights.strict import Entry, disagreements_of, read_header

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json")


def needed_files(index: Mapping[str, Any], half: Half | None) -> list[str]:
    """Files of a sharded repository that hold a tensor of the half, or all of them without one, sorted."""
    return sorted({file for key, file in index["weight_map"].items() if half is None or half.rename(key) is not None})


def read_half(
    folder: Path,
    half: Half,
    config: Mapping[str, Any],
    *,
    what: str,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    quantisation: Any = None,
) -> nn.Module:
    """The half of `folder`'s weights in its transformers model, in the type they are stored in unless `dtype` is given.

    `quantisation` is one of transformers' configurations: its linear layers are made small as they are read.

    Tensors of other halves are not read. Raises WeightsDoNotFit with every disagreement, Damaged for files that are
    cut, UnknownFile for one that is not there, WrongSource for pickles.
    """
    model, places, ties = _fitting(folder, half, config, what=what)
    if quantisation is not None:
        return quantised(model, dict(_tensors(places, "cpu", dtype, what=what)), quantisation, device, what=what)
    state = dict(_tensors(places, device, dtype, what=what))
    state |= {copy: state[original] for copy, original in ties.items() if original in state}
    model.load_state_dict(state, assign=True)
    return model.to(device)


def check_half(folder: Path, half: Half, config: Mapping[str, Any], *, what: str) -> None:
    """Whether `folder` holds the half, whole; only headers are read. Raises as `read_half`."""
    _fitting(folder, half, config, what=what)


def stored(folder: Path, half: Half, *, what: str) -> dict[str, tuple[Path, str, Entry]]:
    """File, stored name and header entry of every tensor of the half, under the name it has in the model."""
    found: dict[str, tuple[Path, str, Entry]] = {}
    for path in weight_files(folder, half, what=what):
        for key, entry in read_header(path, what=what).items():
            name = half.rename(key)
            if name is not None:
                found[name] = (path, key, entry)
    return found


def weight_files(folder: Path, half: Half | None, *, what: str) -> list[Path]:
    """Files of `folder` that hold the half, or everything without one. Raises UnknownFile, WrongSource and Damaged."""
    if (folder / INDEX).is_file():
        try:
            names = needed_files(json.loads((folder / INDEX).read_text(encoding="utf-8")), half)
        except (ValueError, LookupError, AttributeError) as error:
            raise Damaged(f"{INDEX} of `{what}` cannot be read. Fetch it again with `hub pull {what}`.") from error
    else:
        names = [WEIGHTS]
    missing = [name for name in names if not (folder / name).is_file()]
    if missing and any((folder / each).exists() for each in PICKLES):
        raise WrongSource(
            f"the weights of `{what}` are there as pickles alone, which can run code and are never loaded: "
            f"`hub pull {what}` takes the tensors out."
        )
    if missing:
        raise UnknownFile(missing[0], listing=f"hub pull {what}")
    return [folder / name for name in names]


def _fitting(
    folder: Path, half: Half, config: Mapping[str, Any], *, what: str
) -> tuple[nn.Module, dict[str, tuple[Path, str, Entry]], dict[str, str]]:
    """The model without memory, where each of its tensors is, and which names are copies of others."""
    model = _empty(half, config)
    ties = _ties(model)
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


def _ties(model: nn.Module) -> dict[str, str]:
    """Copy → original, by the model's own word: a copy need not be stored."""
    return dict(getattr(model, "_tied_weights_keys", None) or {})


def _empty(half: Half, config: Mapping[str, Any]) -> nn.Module:
    """The model with parameters of no memory; buffers are computed, not stored, and have their values."""
    from accelerate import init_empty_weights

    with init_empty_weights(include_buffers=False):
        return half.make(config)


def _tensors(
    places: Mapping[str, tuple[Path, str, Entry]], device: torch.device | str, dtype: torch.dtype | None, *, what: str
) -> Iterable[tuple[str, Tensor]]:
    by_file: dict[Path, list[tuple[str, str]]] = {}
    for name, (path, key, _) in places.items():
        by_file.setdefault(path, []).append((name, key))
    for path, wanted in by_file.items():
        try:
            with safe_open(path, framework="pt", device=str(device)) as file:
                for name, key in wanted:
                    value = file.get_tensor(key)
                    yield name, value.to(dtype) if dtype is not None and value.is_floating_point() else value
        except SafetensorError as error:
            raise Damaged(
                f"{path.name} of `{what}` is damaged: {error}. Fetch it again with `hub pull {what}`."
            ) from error
