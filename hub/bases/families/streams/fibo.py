"""FIBO 1: a transformer that reads all hidden layers of SmolLM3, and the last two side by side, with a mask.

Shape letters: B batch, L tokens, C width of a layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from hub.bases.families.row import row
from hub.bases.family import Reads
from hub.bases.language_mixin import LanguageMixin
from hub.embeddings import Embeddings

if TYPE_CHECKING:
    from torch import Tensor


class _Parts(NamedTuple):
    """The pipeline's inputs for one prompt."""

    states_BLC: Tensor | None = None
    """The last layer and the one before."""
    mask_BL: Tensor | None = None
    layers: list[Tensor] | None = None


class BriaFiboLanguage(LanguageMixin):
    """A mixin for an `encode_prompt` that takes no embeddings. A module returns every layer; the last two follow from them."""

    @classmethod
    def embeddings(cls, values: Mapping[str, Any]) -> Embeddings:
        """Return embeddings whose channels are those of all layers."""
        import torch

        return Embeddings(torch.cat(values["layers"], dim=-1), mask_BL=values["mask_BL"].bool())

    def _finish(
        self,
        own: Callable[..., Any],  # noqa: ARG002 - as the mixin has it
        given: Mapping[str, Any],
        positive: Embeddings,
        negative: Embeddings | None,
    ) -> Any:
        """Return states, masks and layers of prompts and negative prompts, equally long, and text ids, which are zeros."""
        both = [self._repeat(given, each) for each in (positive, negative) if each is not None]
        length = max(each.tokens_BLC.shape[1] for each in both)
        prompt, without, *_ = [*(self._parts(each, length) for each in both), _Parts()]
        ids_BL3 = both[0].tokens_BLC.new_zeros(len(both[0].tokens_BLC), length, 3)
        states, masks, layers = zip(prompt, without, strict=True)
        return *states, ids_BL3, *masks, *layers

    def _parts(self, encoded: Embeddings, length: int) -> _Parts:
        import torch

        tokens_BLC, mask_BL = self.pad_embedding(encoded.tokens_BLC, length, encoded.mask_BL)  # type: ignore[attr-defined]
        width = self.transformer.config.text_encoder_dim  # type: ignore[attr-defined]
        layers = list(tokens_BLC.split(width, dim=-1))
        return _Parts(torch.cat([layers[-1], layers[-2]], dim=-1), mask_BL, layers)

    def _is_masked(self) -> bool:
        return True


BriaFibo = row(
    "bria-fibo",
    "BriaFibo BriaFiboEdit",
    Reads(width="text_encoder_dim", layers="text_encoder:num_hidden_layers+1", mask=True),
    gives=("", "", "", "mask_BL", "", "layers", ""),
    arguments={},
    mixin=BriaFiboLanguage,
)
