"""Rows of one batch for denoisers that are told which tokens count.

Shape letters: B batch, L tokens, C conditioning width.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import torch
import torch.nn.functional as F

from hub.bases.language import Encoded

T = TypeVar("T")


def aligned(rows: Mapping[T, Encoded]) -> dict[T, Encoded]:
    """Rows (1, L, C), each with a mask, and of one length.

    A module without a mask says that all its tokens count; what a shorter row lacks is zeros that do not.
    """
    length = max(row.tokens_BLC.shape[1] for row in rows.values())
    return {key: _padded(row, length) for key, row in rows.items()}


def _padded(row: Encoded, length: int) -> Encoded:
    tokens_1LC, missing = row.tokens_BLC, length - row.tokens_BLC.shape[1]
    ones = torch.ones(tokens_1LC.shape[:2], dtype=torch.long, device=tokens_1LC.device)
    mask_1L = ones if row.mask_BL is None else row.mask_BL.to(ones)
    return row._replace(tokens_BLC=F.pad(tokens_1LC, (0, 0, 0, missing)), mask_BL=F.pad(mask_1L, (0, missing)))
