"""One window of embeddings from those of several spans, in the order in which they were written.

A span read token by token gives the states of its tokens, and leaves its padding out. A resampler's queries carry no
padding, so a span read by one gives the first queries of its share: the window, in proportion to the span's tokens. What is
too long is cut at the end. What is too short is padded as the last span that has padding pads itself: a denoiser without a
mask was trained to read just those states there. With a mask, zeros that do not count are the padding.

Shape letters: L tokens of a row, W tokens of the window, C conditioning width, P pooled width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from hub.bases.embeddings import Embeddings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Row:
    """What one reader gives for one text."""

    encoded: Embeddings
    """One row, (1, L, C)."""
    counts_L: Tensor
    """True where a token of the text was read: of the reader's own tokens, which for a resampler are not the L of its answer."""
    is_resampled: bool = False
    """Whether the answer's tokens are queries, and none of them is padding."""

    @property
    def length(self) -> int:
        """L of the answer."""
        return self.encoded.tokens_BLC.shape[1]


def fill_window(rows: Sequence[Row], length: int) -> Embeddings:
    """(1, W, C) of `rows`, W = `length`. The pooled vector is the mean of the spans', each weighing its number of tokens."""
    tokens = [int(row.counts_L.sum()) for row in rows]
    states = [
        row.encoded.tokens_BLC[0, :share] if row.is_resampled else row.encoded.tokens_BLC[0][row.counts_L]
        for row, share in zip(rows, _shares(tokens, length), strict=True)
    ]
    joined_LC = torch.cat(states)[:length]
    missing = length - len(joined_LC)
    masked = any(row.encoded.mask_BL is not None for row in rows)
    padding_LC = joined_LC.new_zeros(missing, joined_LC.shape[1]) if masked else _padding(rows, missing)
    place_L = torch.arange(length, device=joined_LC.device)
    return Embeddings(
        torch.cat([joined_LC, padding_LC])[None],
        _mean([row.encoded.pooled_BP for row in rows], tokens),
        (place_L < len(joined_LC))[None] if masked else None,
    )


def _shares(tokens: Sequence[int], length: int) -> list[int]:
    """`length` split in proportion to `tokens`, all of it, rounded at the running sum so that nothing is lost."""
    ends = [round(length * sum(tokens[: place + 1]) / max(sum(tokens), 1)) for place in range(len(tokens))]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


def _padding(rows: Sequence[Row], missing: int) -> Tensor:
    """(missing, C): padding of the last row that has some, its last state again where that is too short."""
    padded = [row for row in rows if not row.is_resampled and not row.counts_L.all()]
    pads_LC = padded[-1].encoded.tokens_BLC[0][~padded[-1].counts_L] if padded else rows[-1].encoded.tokens_BLC[0, -1:]
    return torch.cat([pads_LC, pads_LC[-1:].expand(max(missing - len(pads_LC), 0), -1)])[:missing]


def _mean(pooled: Sequence[Tensor | None], tokens: Sequence[int]) -> Tensor | None:
    there = [(each, count) for each, count in zip(pooled, tokens, strict=True) if each is not None]
    if not there:
        return None
    total = max(sum(count for _, count in there), 1)
    return sum((each * (count / total) for each, count in there[1:]), there[0][0] * (there[0][1] / total))


def aligned(rows: Mapping[T, Embeddings]) -> dict[T, Embeddings]:
    """Rows (1, L, C), each with a mask, and of one length.

    A module without a mask says that all its tokens count; what a shorter row lacks is zeros that do not.
    """
    length = max(row.tokens_BLC.shape[1] for row in rows.values())
    return {key: _padded(row, length) for key, row in rows.items()}


def _padded(row: Embeddings, length: int) -> Embeddings:
    tokens_1LC, missing = row.tokens_BLC, length - row.tokens_BLC.shape[1]
    ones = torch.ones(tokens_1LC.shape[:2], dtype=torch.long, device=tokens_1LC.device)
    mask_1L = ones if row.mask_BL is None else row.mask_BL.to(ones)
    return row._replace(tokens_BLC=F.pad(tokens_1LC, (0, 0, 0, missing)), mask_BL=F.pad(mask_1L, (0, missing)))
