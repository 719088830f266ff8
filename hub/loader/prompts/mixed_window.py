"""Fill one window of embeddings from several spans, in the order of the prompt.

A span encoded token by token gives the states of its tokens without padding. A resampler's queries have no padding, so its span
gives the first queries of its share of the window, in proportion to the span's tokens. Long windows are truncated. Short ones
are padded with the padding of the last span that has some, because a denoiser without a mask was trained to read those states;
with a mask, padding is zeros that do not count.

Shape letters: L tokens of a row, W tokens of the window, C conditioning width, P pooled width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from hub.embeddings import Embeddings, shared_streams

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EncodedRow:
    """The embeddings of one text by one reader."""

    encoded: Embeddings
    """Embeddings of one row, (1, L, C)."""
    counts_L: Tensor
    """True where a token counts: the reader's input tokens, which for a resampler are not the L of its output."""
    is_resampled: bool = False
    """Whether the output tokens are queries, of which none is padding."""

    @property
    def length(self) -> int:
        """Return L of the output."""
        return self.encoded.tokens_BLC.shape[1]


def fill_window(rows: Sequence[EncodedRow], length: int) -> Embeddings:
    """Return (1, W, C) for `rows`, W = `length`. The pooled vector is the spans' mean, weighted by tokens."""
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
        tuple(fill_window(each, max(row.length for row in each)) for each in shared_streams(map(_streams, rows))),
    )


def _streams(row: EncodedRow) -> list[EncodedRow]:
    """Return the further streams as rows. A stream as long as the first one counts the same tokens, unless it has a mask."""
    found = []
    for stream in row.encoded.streams:
        own = (
            torch.ones_like(stream.tokens_BLC[0, :, 0], dtype=torch.bool)
            if stream.mask_BL is None
            else stream.mask_BL[0].bool()
        )
        shared = stream.mask_BL is None and len(own) == len(row.counts_L)
        found.append(EncodedRow(stream, row.counts_L if shared else own, row.is_resampled))
    return found


def _shares(tokens: Sequence[int], length: int) -> list[int]:
    """Split `length` in proportion to `tokens`, rounding running sums so that the shares add up."""
    ends = [round(length * sum(tokens[: place + 1]) / max(sum(tokens), 1)) for place in range(len(tokens))]
    return [end - start for start, end in pairwise([0, *ends])]


def _padding(rows: Sequence[EncodedRow], missing: int) -> Tensor:
    """Return (missing, C): the padding of the last row that has some, its last state repeated if too short."""
    padded = [row for row in rows if not row.is_resampled and not row.counts_L.all()]
    pads_LC = padded[-1].encoded.tokens_BLC[0][~padded[-1].counts_L] if padded else rows[-1].encoded.tokens_BLC[0, -1:]
    return torch.cat([pads_LC, pads_LC[-1:].expand(max(missing - len(pads_LC), 0), -1)])[:missing]


def _mean(pooled: Sequence[Tensor | None], tokens: Sequence[int]) -> Tensor | None:
    given = [(each, count) for each, count in zip(pooled, tokens, strict=True) if each is not None]
    if not given:
        return None
    total = max(sum(count for _, count in given), 1)
    return sum((each * (count / total) for each, count in given[1:]), given[0][0] * (given[0][1] / total))


def pad_to_longest(rows: Sequence[Embeddings]) -> list[Embeddings]:
    """Pad rows (1, L, C) with zeros to one length, each with a mask; without one, all its tokens count."""
    length = max(row.tokens_BLC.shape[1] for row in rows)
    streams = [pad_to_longest(each) for each in shared_streams(row.streams for row in rows)]
    padded = [_pad(row, length) for row in rows]
    return [row._replace(streams=tuple(each[place] for each in streams)) for place, row in enumerate(padded)]


def _pad(row: Embeddings, length: int) -> Embeddings:
    tokens_1LC, missing = row.tokens_BLC, length - row.tokens_BLC.shape[1]
    ones = torch.ones(tokens_1LC.shape[:2], dtype=torch.long, device=tokens_1LC.device)
    mask_1L = ones if row.mask_BL is None else row.mask_BL.to(ones)
    return row._replace(tokens_BLC=F.pad(tokens_1LC, (0, 0, 0, missing)), mask_BL=F.pad(mask_1L, (0, missing)))
