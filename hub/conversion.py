"""Published adapters as variants: a torch state dict becomes `config.json` and `model.safetensors`, keys unchanged.

Sizes are inferred from keys and shapes, never from file or encoder names: published scripts disagree with their own weights
about hidden widths. Only tensors are read (`weights_only=True`); torch is imported when it is needed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.errors import Damaged, MissingExtra, WeightsDoNotFit, WrongSource

if TYPE_CHECKING:
    from torch import Tensor

Shapes = Mapping[str, tuple[int, ...]]

MULAN_PROMPT: dict[str, Any] = {
    "prefix": "summarize:",
    "drop": [1, 2, 3],
    "length": 80,
    "negative": {"prefix": "", "drop": [], "length": 77},
    "empty": "encode",
}
"""Of SD 1.x and 2.x: the prefix's three tokens are dropped from the states, 80 → 77; negative prompts have none. The asymmetry
is in mulankit's `patch.py`, and the published weights were trained with it."""
PEA_PROMPT: dict[str, Any] = {
    "prefix": "",
    "drop": [],
    "length": 77,
    "negative": {"prefix": "", "drop": [], "length": 77},
    "empty": "encode",
}
"""Training drops a prompt by encoding the empty one through the adapter (`train_sdxl_zh.py`)."""
MULAN_HEADS = 8
"""`torch.nn.Transformer`'s default, which mulankit keeps; heads leave no trace in shapes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a state dict turns out to be."""

    method: str
    architecture: str
    module: dict[str, Any]
    """Arguments of the architecture."""
    conditioning: dict[str, Any]
    prompt: dict[str, Any]


def convert(source: Path, folder: Path, *, what: str, base: str, encoder: str, languages: tuple[str, ...]) -> Reading:
    """Read `source` and write `folder/config.json` and `folder/model.safetensors`.

    Raises WrongSource for a file that holds more than tensors or an adapter nobody here knows, Damaged for a broken one,
    WeightsDoNotFit when keys or shapes contradict each other, MissingExtra without torch.
    """
    weights = read_tensors(source, what=what)
    reading = recognise({key: tuple(value.shape) for key, value in weights.items()}, what=what)
    import torch

    from hub.modules import build, save_weights
    from hub.modules.weights import Entry, disagreements

    with torch.device("meta"):
        module = build(reading.architecture, reading.module)
    problems = disagreements(module, {key: Entry(value.dtype, tuple(value.shape)) for key, value in weights.items()})
    if problems:
        raise WeightsDoNotFit(what, problems)
    module.load_state_dict(weights, assign=True)
    save_weights(module, folder / "model.safetensors")
    config = {
        "format": 1,
        "kind": "adapter",
        "method": reading.method,
        "architecture": reading.architecture,
        "module": reading.module,
        "base": {"name": base, "digest": ""},
        "encoder": {"name": encoder, "digest": "", "readout": "last_hidden_state"} if encoder else None,
        "conditioning": reading.conditioning,
        "prompt": reading.prompt,
        "languages": list(languages),
        "run": {},
        "parent": "",
    }
    (folder / "config.json").write_text(json.dumps(config, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return reading


def read_tensors(source: Path, *, what: str) -> dict[str, Tensor]:
    """Tensors by key, from safetensors or from a pickle of tensors alone."""
    try:
        import torch
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError as error:
        raise MissingExtra("load", f"converting `{what}`") from error
    import pickle

    try:
        if source.suffix == ".safetensors":
            return load_file(source)
        state = torch.load(source, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WrongSource(
            f"`{source.name}` of `{what}` holds more than tensors, which could run code: not read."
        ) from error
    except (SafetensorError, EOFError, RuntimeError, OSError) as error:
        raise Damaged(f"`{source.name}` of `{what}` is damaged: {_first_line(error)}.") from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise WrongSource(f"`{source.name}` of `{what}` is no plain state dict: keys to tensors were expected.")
    return dict(state)


def recognise(shapes: Shapes, *, what: str) -> Reading:
    """Which published adapter has these keys and shapes."""
    try:
        if "queries" in shapes and "proj.0.weight" in shapes:
            return _mulan(shapes)
        if "layernorm.weight" in shapes and "projector.0.weight" in shapes:
            return _pea(shapes)
    except (KeyError, ValueError, IndexError) as error:
        raise WeightsDoNotFit(what, [f"its shapes contradict each other ({error})"]) from error
    some = ", ".join(f"`{key}`" for key in sorted(shapes)[:3])
    raise WrongSource(
        f"`{what}` holds {len(shapes)} tensors ({some} …) that are no adapter this version converts: "
        "it reads MuLan's for Stable Diffusion 1.x and 2.x, and PEA-Diffusion's projectors."
    )


def _mulan(shapes: Shapes) -> Reading:
    """`LanguageAdapter` of mulankit: projection, queries, encoder-decoder transformer."""
    out_width, in_width = shapes["proj.0.weight"]
    _, queries, _ = shapes["queries"]
    module = {
        "in_width": in_width,
        "out_width": out_width,
        "queries": queries,
        "heads": MULAN_HEADS,
        "encoder_layers": _count(shapes, r"transformer\.encoder\.layers\.(\d+)\."),
        "decoder_layers": _count(shapes, r"transformer\.decoder\.layers\.(\d+)\."),
    }
    conditioning = {"width": out_width, "length": queries, "pooled_width": None, "mask": False}
    return Reading(
        method="mulan", architecture="resampler", module=module, conditioning=conditioning, prompt=MULAN_PROMPT
    )


def _pea(shapes: Shapes) -> Reading:
    """`MLP` of PEA-Diffusion's scripts: a LayerNorm, bias-free linears, and `fc` where the base has a pooled input."""
    linears = _count(shapes, r"projector\.(\d+)\.weight")
    hidden_width, in_width = shapes["projector.0.weight"]
    last_width, _ = shapes[f"projector.{2 * (linears - 1)}.weight"]
    pooled_width = last_width if "fc.weight" in shapes else None
    out_width = shapes["fc.weight"][0] if pooled_width is not None else last_width
    module = {
        "in_width": in_width,
        "out_width": out_width,
        "hidden_width": hidden_width,
        "linears": linears,
        "pooled_width": pooled_width,
    }
    conditioning = {"width": out_width, "length": PEA_PROMPT["length"], "pooled_width": pooled_width, "mask": False}
    return Reading(method="pea", architecture="projector", module=module, conditioning=conditioning, prompt=PEA_PROMPT)


def _count(shapes: Shapes, pattern: str) -> int:
    """How many different numbers `pattern` finds in the keys."""
    return len({found[1] for key in shapes if (found := re.match(pattern, key)) is not None})


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
