"""Kandinsky 5: a transformer that reads Qwen2.5-VL's states, any number without a mask, and CLIP's pooled vector."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from hub.bases.families.row import row
from hub.bases.family import Reads
from hub.bases.language_mixin import LanguageMixin
from hub.embeddings import Embeddings

if TYPE_CHECKING:
    from torch import Tensor


class Kandinsky5Language(LanguageMixin):
    """A mixin for an `encode_prompt` that takes no embeddings and returns (states, pooled vector, running sums of lengths)."""

    def _finish(
        self,
        own: Callable[..., Any],  # noqa: ARG002 - as the mixin has it
        given: Mapping[str, Any],
        positive: Embeddings,
        negative: Embeddings | None,  # noqa: ARG002 - encoded apart
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        import torch

        tokens_BLC, pooled_BP, _, _ = self._repeat(given, positive)
        lengths_B = torch.full((len(tokens_BLC),), tokens_BLC.shape[1], device=tokens_BLC.device)
        return tokens_BLC, pooled_BP, torch.nn.functional.pad(lengths_B.cumsum(0), (1, 0)).int()


Kandinsky5 = row(
    "kandinsky-5",
    "Kandinsky5I2I Kandinsky5I2V Kandinsky5T2I Kandinsky5T2V",
    Reads(width="in_text_dim", pooled="in_text_dim2"),
    gives=("tokens_BLC", "pooled_BP"),
    arguments={},
    mixin=Kandinsky5Language,
    encodes_apart=True,
    counts_padding=True,
)
