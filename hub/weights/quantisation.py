"""Quantise models to 8 or 4 bits: int8 per row with torchao, NF4 with bitsandbytes. Both run on CPUs and GPUs.

Layers are quantised one by one from weights mapped from their file: the complete unquantised model is never in memory.
Diffusers refuses bitsandbytes without a GPU; its configurations can still be passed to `from_pretrained`.
"""

from __future__ import annotations

from collections.abc import Collection
from importlib.util import find_spec
from typing import Any, cast

import torch
from torch import Tensor, nn

from hub.errors import DoesNotFit, InvalidRequest, MissingExtra
from hub.weights.devices import is_kept_in_float32

LIBRARIES = {"8bit": "torchao", "4bit": "bitsandbytes"}
"""Quantisation → the library that performs it."""
BLOCK = 64
"""Weights that share a scale in NF4 (QLoRA, Dettmers et al. 2023, §3)."""
_STRIP = 32
"""Rows that bitsandbytes 0.50 packs together on CPUs with AVX512-BF16."""


def check_quantisation(quantisation: str) -> str:
    """Return `quantisation` if it is `8bit` or `4bit` and its library is installed. Raises InvalidRequest and MissingExtra."""
    if quantisation not in LIBRARIES:
        raise InvalidRequest(f"unknown quantisation `{quantisation}`: choose {' or '.join(LIBRARIES)}.")
    if find_spec(LIBRARIES[quantisation]) is None:
        raise MissingExtra("quantise", f"loading weights in {quantisation}")
    return quantisation


def compute_dtype(quantisation: Any, dtype: torch.dtype) -> torch.dtype:
    """Return `dtype`, or bfloat16 for 8 bits in float16.

    torchao adds the products of a row before it scales them, and such sums exceed the range of float16.
    """
    return torch.bfloat16 if quantisation == "8bit" and dtype == torch.float16 else dtype


def quantise(
    model: nn.Module,
    quantisation: str,
    *,
    device: torch.device | str,
    dtype: torch.dtype | None = None,
    unquantised: Collection[str] = (),
) -> nn.Module:
    """Quantise the linear layers of `model` to `quantisation` (`8bit` or `4bit`) in place and move all of it to `device`.

    Other parts are kept in `dtype` (unchanged if None), which is also the compute type. Not quantised are embeddings, norms,
    convolutions, layers that their class keeps in float32, parts named in `unquantised` and, in 4 bits, layers whose rows do
    not consist of complete blocks (`fills`). Raises InvalidRequest and MissingExtra, and InvalidRequest for 8 bits in float16
    (`compute_dtype`).
    """
    check_quantisation(quantisation)
    kept = {*(getattr(model, "_keep_in_fp32_modules", None) or ()), *unquantised}
    is_kept, stored = is_kept_in_float32(model, dtype), model.state_dict().keys()
    done: set[int] = set()
    for name, layer in list(model.named_modules()):
        # Not subclasses: torch's attention reads the weight of its own subclass directly.
        if type(layer) is not nn.Linear or kept & {*name.split(".")} or not fills(layer.weight.shape, quantisation):
            continue
        computed = dtype or layer.weight.dtype
        if computed != compute_dtype(quantisation, computed):
            raise InvalidRequest(
                "sums of 8-bit weights exceed the range of float16: use `dtype=torch.bfloat16`, or `4bit`, which scales first."
            )
        layer.to(device=device, dtype=computed)
        replacement = _int8(layer) if quantisation == "8bit" else _nf4(layer, device)
        parent, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(parent), leaf, replacement)
        done.add(id(replacement.weight))
    for name, each in (*model.named_parameters(), *model.named_buffers()):
        if id(each) not in done:
            new = torch.float32 if is_kept(name) else dtype
            # Buffers that are computed, not stored, such as rotary frequencies, keep their type, as in transformers.
            each.data = each.data.to(device, new if each.is_floating_point() and name in stored else None)
    if quantisation == "4bit":  # as in transformers and diffusers, so that PEFT finds the layers
        cast(Any, model).is_loaded_in_4bit = True
    return model


def fills(shape: torch.Size, quantisation: str) -> bool:
    """Return whether weights of `shape` (rows, columns) can be quantised to `quantisation`.

    A 4-bit block must lie in one row. Otherwise bitsandbytes 0.50 reads back other numbers on a CPU than it wrote (an
    error of 0.40 instead of 0.09, measured at 64 × 32). The linear layers of every published base are wide enough.
    """
    return quantisation != "4bit" or (shape[0] % _STRIP == 0 and shape[1] % BLOCK == 0)


def _int8(layer: nn.Linear) -> nn.Linear:
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    layer.requires_grad_(False)
    quantize_(layer, Int8WeightOnlyConfig())
    return layer


def _nf4(layer: nn.Linear, device: torch.device | str) -> nn.Linear:
    import bitsandbytes

    layers: Any = bitsandbytes.nn  # partly untyped
    made: nn.Linear = layers.Linear4bit(
        layer.in_features,
        layer.out_features,
        bias=layer.bias is not None,
        compute_dtype=layer.weight.dtype,
        quant_type="nf4",
        device="meta",
    )
    made.weight = layers.Params4bit(
        layer.weight.data, requires_grad=False, quant_type="nf4", compress_statistics=False, module=made
    ).to(device)
    made.bias = layer.bias
    return made.train(layer.training).requires_grad_(False)


def load_quantised(
    model: nn.Module, state: dict[str, Tensor], quantisation: Any, device: torch.device | str, *, what: str
) -> nn.Module:
    """Return a model of `model`'s class with the weights of `state`, of any shapes, quantised by transformers.

    Raises DoesNotFit.
    """
    model_class: Any = type(model)
    try:
        loaded = model_class.from_pretrained(
            None,
            config=cast(Any, model).config,
            state_dict=state,
            quantization_config=quantisation,
            device_map={"": str(device)},
        )
    except (ImportError, ValueError, RuntimeError) as error:
        first = str(error).strip().partition("\n")[0]
        raise DoesNotFit(f"the text encoder `{what}` cannot be loaded with this quantisation: {first}") from error
    return cast(nn.Module, loaded)
