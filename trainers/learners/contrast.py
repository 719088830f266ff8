"""Contrastive losses over thousands of negatives, in the memory of a few.

Features of a large batch are computed, and rows of its logits judged, chunk by chunk; the backward pass computes each
chunk again. Gradients are exactly those of one piece, as in GradCache (Gao et al., RepL4NLP 2021), which is torch's
activation checkpointing applied to chunks: it also repeats dropout and autocast as they were.

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
    """`function` on `rows` of the inputs at a time, joined, (B, …); 0 takes all at once and keeps what it needs."""
    if not rows or rows >= len(inputs_B[0]):
        return function(*inputs_B)
    chunks = zip(*(tensor.split(rows) for tensor in inputs_B), strict=True)
    return torch.cat([checkpoint(function, *chunk, use_reentrant=False) for chunk in chunks])


def symmetric_contrast(
    first_BD: Tensor, second_BD: Tensor, scale: Tensor | float, group_B: Tensor, *, rows: int = 0
) -> Tensor:
    """(CE(s·x̂ŷᵀ) + CE(s·ŷx̂ᵀ)) / 2 with x̂, ŷ of length 1 and s = `scale`: Radford et al. 2021, figure 3.

    Rows of one group are each other's positives and share the target equally; where every group has one row this is
    plain InfoNCE. Computed in fp32 whatever autocast says.
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
    """The rows of all processes, in the order of their ranks; gradients find their way back to each.

    With one process the rows as they are. A loss of gathered features, whose gradients are then averaged over the
    processes, has the gradients of the whole batch in one process.
    """
    if not torch.distributed.is_initialized() or torch.distributed.get_world_size() == 1:
        return rows_B
    return torch.cat(list(across.all_gather(rows_B.contiguous())))
