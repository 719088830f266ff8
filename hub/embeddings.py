"""The embeddings of prompts, as returned by text encoders, language modules and bases.

Shape letters: B batch, L tokens, C conditioning width, P pooled width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")


class Embeddings(NamedTuple):
    """Embeddings of a batch of prompts."""

    tokens_BLC: Tensor
    pooled_BP: Tensor | None = None
    """Pooled embeddings; None if the base has no pooled input."""
    mask_BL: Tensor | None = None
    """True for tokens that the denoiser attends to; None for all."""
    streams: tuple[Embeddings, ...] = ()
    """Further sequences of tokens, for bases that read several; each may have another L, and none a pooled vector."""

    def tensors(self) -> Iterator[Tensor]:
        """Yield every tensor, those of further streams included."""
        yield from (each for each in self[:3] if each is not None)
        for stream in self.streams:
            yield from stream.tensors()

    def map(self, change: Callable[[Tensor], Tensor]) -> Embeddings:
        """Return embeddings of changed tensors: moved, cast, or with other rows."""
        tokens_BLC, pooled_BP, mask_BL, streams = self
        return Embeddings(
            change(tokens_BLC),
            None if pooled_BP is None else change(pooled_BP),
            None if mask_BL is None else change(mask_BL),
            tuple(stream.map(change) for stream in streams),
        )


def split_streams(embeddings: Embeddings, channels: Sequence[int]) -> Embeddings:
    """Return embeddings whose tokens (B, L, sum of channels) are separated into streams with that many channels each."""
    if len(channels) == 1:
        return embeddings
    first_BLC, *others = embeddings.tokens_BLC.split(list(channels), dim=-1)
    further = tuple(Embeddings(each_BLC, mask_BL=embeddings.mask_BL) for each_BLC in others)
    return embeddings._replace(tokens_BLC=first_BLC, streams=further)


def pad_list(rows: Sequence[Tensor]) -> Embeddings:
    """Return rows (L, C) of different lengths as one tensor (B, L, C) with a mask (B, L)."""
    from torch.nn.utils.rnn import pad_sequence

    mask_BL = pad_sequence([row.new_ones(len(row)).bool() for row in rows], batch_first=True)
    return Embeddings(pad_sequence(list(rows), batch_first=True), mask_BL=mask_BL)


def unpad(encoded: Embeddings) -> list[Tensor]:
    """Return the tokens of each row that count, (L, C) each: the inverse of `pad_list`."""
    if encoded.mask_BL is None:
        return list(encoded.tokens_BLC)
    return [tokens_LC[mask_L.bool()] for tokens_LC, mask_L in zip(encoded.tokens_BLC, encoded.mask_BL, strict=True)]


def masked_mean(states_BLC: Tensor, mask_BL: Tensor | None) -> Tensor:
    """Return the mean (B, C) of the states (B, L, C) of the tokens that count; without a mask all do."""
    if mask_BL is None:
        return states_BLC.mean(dim=1)
    weight_BL1 = mask_BL[:, :, None].to(states_BLC.dtype)
    return (states_BLC * weight_BL1).sum(dim=1) / weight_BL1.sum(dim=1).clamp_min(1)


def field_of(embeddings: Embeddings, name: str) -> Any:
    """Return a field of embeddings; `streams.0.tokens_BLC` is one of the first further stream."""
    if not name.startswith("streams."):
        return getattr(embeddings, name)
    _, place, field = name.split(".")
    return getattr(embeddings.streams[int(place)], field)


def further_streams(values: Mapping[str, Any]) -> tuple[Embeddings, ...]:
    """Return the further streams of the values that a base returns."""
    tokens = [name for name in values if name.startswith("streams.") and name.endswith(".tokens_BLC")]
    return tuple(
        Embeddings(values[name], mask_BL=values.get(name.replace("tokens_BLC", "mask_BL"))) for name in sorted(tokens)
    )


def shared_streams(rows: Iterable[Sequence[T]]) -> list[tuple[T, ...]]:
    """Return the further streams of all rows, one tuple of rows for each stream.

    There are none if any row leaves them to the base, which then encodes its own from the prompts. Otherwise all rows have the same number.
    """
    listed = list(rows)
    return list(zip(*listed, strict=True)) if all(listed) else []
