"""Mixins for pipelines with special padding of embeddings.

Shape letters: B batch, L tokens, C conditioning width.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hub.bases.language_mixin import LanguageMixin
from hub.embeddings import Embeddings

if TYPE_CHECKING:
    from torch import Tensor


class PaddedLanguage(LanguageMixin):
    """A mixin that pads the embeddings of modules to the length that the base's own have."""

    pads_left = False
    """Whether padding comes before the tokens."""

    def _replace_prompts(
        self, given: Mapping[str, Any], positive: Embeddings, negative: Embeddings | None
    ) -> dict[str, Any]:
        longest = max(each.tokens_BLC.shape[1] for each in (positive, negative) if each is not None)
        length = max(given["max_sequence_length"], longest)
        negative = None if negative is None else pad(negative, length, is_left=self.pads_left)
        return super()._replace_prompts(given, pad(positive, length, is_left=self.pads_left), negative)


class ZeroPaddedLanguage(PaddedLanguage):
    """A mixin for denoisers that read zeros as padding, without a mask.

    They attend to the zeros, so the number of zeros matters: embeddings are as long as the base's own, in every batch.
    """

    @classmethod
    def embeddings(cls, values: Mapping[str, Any]) -> Embeddings:
        """Return the base's embeddings, whose tokens are those that are not zeros."""
        tokens_BLC: Tensor = values["tokens_BLC"]
        return Embeddings(tokens_BLC, mask_BL=tokens_BLC.ne(0).any(-1))

    def values(self, embeddings: Embeddings) -> dict[str, Any]:
        """Return the tokens with zeros as padding, and the mask if the pipeline passes one around."""
        assert embeddings.mask_BL is not None
        mask_BL = embeddings.mask_BL.bool()
        return super().values(
            embeddings._replace(tokens_BLC=embeddings.tokens_BLC * mask_BL[..., None], mask_BL=mask_BL)
        )

    def _is_masked(self) -> bool:
        return True


def pad(embeddings: Embeddings, length: int, *, is_left: bool = False) -> Embeddings:
    """Return embeddings of `length` tokens with a mask, the tokens that count in one run at the start or the end."""
    import torch
    import torch.nn.functional as F

    tokens_BLC, pooled_BP, mask_BL, streams = embeddings
    missing = length - tokens_BLC.shape[1]
    mask_BL = tokens_BLC.new_ones(tokens_BLC.shape[:2]) if mask_BL is None else mask_BL
    tokens_BLC, mask_BL = F.pad(tokens_BLC, (0, 0, 0, missing)), F.pad(mask_BL.long(), (0, missing))
    if is_left:
        order_BL = torch.argsort(mask_BL, dim=1, stable=True)
        tokens_BLC, mask_BL = tokens_BLC.take_along_dim(order_BL[..., None], 1), mask_BL.gather(1, order_BL)
    return Embeddings(tokens_BLC, pooled_BP, mask_BL, streams)
