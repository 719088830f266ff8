"""Extract the change of a denoiser's weights as a LoRA: the nearest matrices of low rank, and their error.

Shape letters: O outputs, I inputs of a layer (times its kernel), R rank.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from hub.errors import DoesNotFit


class LowRankChange(NamedTuple):
    """A LoRA with PEFT's keys, without the prefix of its component."""

    weights: dict[str, Tensor]
    """`<layer>.lora_A.weight` (R, I) and `<layer>.lora_B.weight` (O, R); convolutions keep their kernel in A."""
    relative_error: float
    """Frobenius norm of the omitted change as a share of the whole change; norms, biases and convolutions in groups, for which
    peft has no LoRA, are always omitted."""


@torch.no_grad()
def extract_lora(before: nn.Module, after: nn.Module, rank: int) -> LowRankChange:
    """Extract the nearest LoRA of `rank` from the change between two modules of the same class.

    It truncates the singular value decomposition of each changed linear layer and convolution (Eckart–Young: no LoRA of
    this rank is nearer), on the device of `before`. Raises `DoesNotFit` if no such layer has changed.
    """
    old = dict(before.named_parameters())
    layers = {name for name, each in after.named_modules() if isinstance(each, nn.Linear | nn.Conv2d)}
    layers -= {name for name, each in after.named_modules() if getattr(each, "groups", 1) > 1}
    weights: dict[str, Tensor] = {}
    whole = left_out = 0.0
    for name, new in after.named_parameters():
        start = old[name].detach()
        change = new.detach().to(start.device).double() - start.double()
        size = change.square().sum().item()
        layer, _, leaf = name.rpartition(".")
        whole += size
        if not size:
            continue
        if layer not in layers or leaf != "weight":
            left_out += size
            continue
        u_OR, values_R, v_RI = torch.linalg.svd(change.flatten(1), full_matrices=False)
        left_out += values_R[rank:].square().sum().item()
        root_R = values_R[:rank].sqrt()
        down_RI, up_OR = root_R[:, None] * v_RI[:rank], u_OR[:, :rank] * root_R
        kernel = change.shape[2:]
        weights[f"{layer}.lora_A.weight"] = down_RI.reshape(-1, *change.shape[1:]).float().cpu().contiguous()
        weights[f"{layer}.lora_B.weight"] = up_OR.reshape(*up_OR.shape, *(1 for _ in kernel)).float().cpu().contiguous()
    if not weights:
        raise DoesNotFit("no linear layer or convolution of the denoiser was changed by training: nothing to publish.")
    return LowRankChange(weights, (left_out / whole) ** 0.5)
