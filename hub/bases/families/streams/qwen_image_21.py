"""Qwen-Image 2.1: a transformer that reads Qwen3-VL's states with a mask; images to edit have places among them.

Shape letters: B batch, L tokens, C conditioning width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from hub.bases.families.row import row
from hub.bases.family import Reads
from hub.bases.language_mixin import LanguageMixin
from hub.embeddings import Embeddings

if TYPE_CHECKING:
    from torch import Tensor


class QwenImage21Language(LanguageMixin):
    """Qwen-Image 2.1's mixin: what precedes the text of a prompt, its images, is always the base's own.

    The language model is causal, so these states do not depend on the text.
    """

    @classmethod
    def embeddings(cls, values: Mapping[str, Any]) -> Embeddings:
        """Return the states after the images."""
        start = _text_start(values["images_BL"])
        mask_BL = values["mask_BL"]
        return Embeddings(values["tokens_BLC"][:, start:], mask_BL=None if mask_BL is None else mask_BL[:, start:])

    def values(self, embeddings: Embeddings) -> dict[str, Any]:
        """Return states and mask."""
        return {"tokens_BLC": embeddings.tokens_BLC, "mask_BL": embeddings.mask_BL}

    def _finish(
        self, own: Callable[..., Any], given: Mapping[str, Any], positive: Embeddings, negative: Embeddings | None
    ) -> Any:
        if given["image"] is None:
            return super()._finish(own, given, positive, negative)
        states_1LC, _, images_1L = own(**{**given, "prompt": [" "], "num_images_per_prompt": 1})
        start = _text_start(images_1L)
        before = Embeddings(states_1LC[:, :start], mask_BL=images_1L[:, :start].new_ones(1, start))
        after = positive if positive.mask_BL is not None else positive._replace(mask_BL=_ones(positive.tokens_BLC))
        images_BL = _join(images_1L[:, :start], images_1L.new_zeros(after.tokens_BLC.shape[:2]))
        whole = Embeddings(_join(before.tokens_BLC, after.tokens_BLC), mask_BL=_join(before.mask_BL, after.mask_BL))
        return super()._finish(own, {**given, "image_pad_mask": images_BL}, whole, negative)


def _ones(tokens_BLC: Tensor) -> Tensor:
    return tokens_BLC.new_ones(tokens_BLC.shape[:2]).bool()


def _join(one_1L: Any, others_BL: Any) -> Any:
    """Return one row before each of the others, along the tokens."""
    import torch

    return torch.cat([one_1L.to(others_BL).expand(len(others_BL), *one_1L.shape[1:]), others_BL], dim=1)


def _text_start(images_BL: Tensor) -> int:
    """Return the first token after the images and the marker of their end; all rows have the same."""
    places = images_BL[0].nonzero()
    return int(places[-1]) + 2 if len(places) else 0


QwenImage21 = row(
    "qwen-image-2.1",
    "QwenImage21",
    Reads(width="context_in_dim", mask=True),
    gives=("tokens_BLC", "mask_BL", "images_BL"),
    arguments={"tokens_BLC": "prompt_embeds", "mask_BL": "prompt_embeds_mask"},
    mixin=QwenImage21Language,
    encodes_apart=True,
)
