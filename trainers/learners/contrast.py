"""Contrastive losses over thousands of negatives with little memory.

Features and logits of a large batch are computed chunk by chunk, and the backward pass computes each chunk again. The
gradients are exactly those of the whole batch, as in GradCache (Gao et al., RepL4NLP 2021). The chunks use torch's
activation checkpointing, which also repeats dropout and autocast.

Shape letters: B batch, R rows of a chunk, D features.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.distributed.nn.functional as across
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint


def in_chunks(function: Callable[..., Tensor], rows: int, *inputs_B: Tensor) -> Tensor:
    """Apply `function` to `rows` rows of the inputs (B, …) at a time and concatenate the results (B, …); 0: all at once."""
    if not rows or rows >= len(inputs_B[0]):
        return function(*inputs_B)
    chunks = zip(*(tensor.split(rows) for tensor in inputs_B), strict=True)
    return torch.cat([checkpoint(function, *chunk, use_reentrant=False) for chunk in chunks])


def symmetric_contrast(
    first_BD: Tensor, second_BD: Tensor, scale: Tensor | float, group_B: Tensor, *, rows: int = 0
) -> Tensor:
    """Return (CE(s·x̂ŷᵀ) + CE(s·ŷx̂ᵀ)) / 2, a scalar, with normalised x̂, ŷ and s = `scale` (Radford et al. 2021, figure 3).

    Inputs are (B, D); rows with equal `group_B` are each other's positives and share the target equally, so with one row
    per group this is plain InfoNCE. Always computed in fp32.
    """
    with torch.autocast(first_BD.device.type, enabled=False):
        x_BD, y_BD = F.normalize(first_BD.float(), dim=1), F.normalize(second_BD.float(), dim=1)

        def one_way(queries_RD: Tensor, group_R: Tensor, keys_BD: Tensor) -> Tensor:
            target_RB = (group_R[:, None] == group_B[None, :]).float()
            target_RB = target_RB / target_RB.sum(dim=1, keepdim=True)
            return F.cross_entropy(scale * queries_RD @ keys_BD.T, target_RB, reduction="none")

        there = in_chunks(lambda queries, group: one_way(queries, group, y_BD), rows, x_BD, group_B)
        back = in_chunks(lambda queries, group: one_way(queries, group, x_BD), rows, y_BD, group_B)
        return (there.mean() + back.mean()) / 2


def all_gather_rows(rows_B: Tensor) -> Tensor:
    """Concatenate the rows (B, …) of all processes in rank order, with gradients; a single process returns its rows.

    A loss on gathered features whose gradients are averaged over the processes has the same gradients as the whole batch
    in one process.
    """
    if not torch.distributed.is_initialized() or torch.distributed.get_world_size() == 1:
        return rows_B
    return torch.cat(list(across.all_gather(rows_B.contiguous())))
