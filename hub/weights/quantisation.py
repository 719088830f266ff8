"""Models in 8 or 4 bits: int8 of each row by torchao, NF4 by bitsandbytes. Both run on a CPU as on a GPU.

Layers are made small one by one, from weights that are mapped from their file: no whole model in a larger type is ever in memory.
Diffusers' own way refuses bitsandbytes where there is no GPU; one of its configurations may still be given to `from_pretrained`.
"""

from __future__ import annotations

from collections.abc import Collection
from importlib.util import find_spec
from typing import Any, cast

import torch
from torch import Tensor, nn

from hub.errors import DoesNotFit, MissingExtra, WrongRequest

LIBRARIES = {"8bit": "torchao", "4bit": "bitsandbytes"}
"""What makes layers small, by the word that asks for it."""
BLOCK = 64
"""Numbers that share a scale in NF4 (QLoRA, Dettmers et al. 2023, §3)."""
_STRIP = 32
"""Rows that bitsandbytes 0.50 packs together on CPUs with AVX512-BF16."""


def check_word(wanted: str) -> str:
    """`8bit` or `4bit`, with its library there. Raises WrongRequest and MissingExtra."""
    if wanted not in LIBRARIES:
        raise WrongRequest(f"weights can be read in {' or '.join(LIBRARIES)}, not `{wanted}`.")
    if find_spec(LIBRARIES[wanted]) is None:
        raise MissingExtra("quantise", f"reading weights in {wanted}")
    return wanted


def shrink(
    model: nn.Module,
    word: str,
    *,
    device: torch.device | str,
    dtype: torch.dtype | None = None,
    whole: Collection[str] = (),
) -> nn.Module:
    """`model` with its linear layers in `word` (`8bit` or `4bit`), all of it on `device`; it is changed in place.

    What stays larger is in `dtype`, as it was without one, and sums are computed in that. Larger stay: embeddings, norms,
    convolutions, layers that their class wants in float32, parts named in `whole` and, in 4 bits, layers that whole blocks do
    not fill (`fills`).
    Raises WrongRequest and MissingExtra.
    """
    check_word(word)
    kept = {*(getattr(model, "_keep_in_fp32_modules", None) or ()), *whole}
    small: set[int] = set()
    for name, layer in list(model.named_modules()):
        # Not a subclass: attention of torch reads the weight of its own, without a call.
        if type(layer) is not nn.Linear or kept & {*name.split(".")} or not fills(layer.weight.shape, word):
            continue
        layer.to(device=device, dtype=dtype or layer.weight.dtype)
        made = _int8(layer) if word == "8bit" else _nf4(layer, device)
        parent, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(parent), leaf, made)
        small.add(id(made.weight))
    for each in (*model.parameters(), *model.buffers()):
        if id(each) not in small:
            each.data = each.data.to(device, dtype if each.is_floating_point() else None)
    if word == "4bit":  # as transformers and diffusers say it, so that PEFT finds the layers
        cast(Any, model).is_loaded_in_4bit = True
    return model


def fills(shape: torch.Size, word: str) -> bool:
    """Whether weights (rows, columns) can be kept in `word`.

    A 4-bit block must lie in one row: where it does not, bitsandbytes 0.50 reads other numbers back on a CPU than it wrote (an
    error of 0.40 in the place of 0.09, measured at 64 × 32). The linear layers of every published base are wide enough.
    """
    return word != "4bit" or (shape[0] % _STRIP == 0 and shape[1] % BLOCK == 0)


def _int8(layer: nn.Linear) -> nn.Linear:
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    layer.requires_grad_(False)
    quantize_(layer, Int8WeightOnlyConfig())
    return layer


def _nf4(layer: nn.Linear, device: torch.device | str) -> nn.Linear:
    import bitsandbytes

    layers: Any = bitsandbytes.nn  # half of which has no types
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


def quantised(
    model: nn.Module, state: dict[str, Tensor], quantisation: Any, device: torch.device | str, *, what: str
) -> nn.Module:
    """`model`'s class with the weights of `state`, made small by transformers as its configuration says. Raises DoesNotFit."""
    made: Any = type(model)
    try:
        read = made.from_pretrained(
            None,
            config=cast(Any, model).config,
            state_dict=state,
            quantization_config=quantisation,
            device_map={"": str(device)},
        )
    except (ImportError, ValueError, RuntimeError) as error:
        first = str(error).strip().partition("\n")[0]
        raise DoesNotFit(f"the text encoder `{what}` cannot be read with this quantisation: {first}") from error
    return cast(nn.Module, read)
