"""Qwen2.5-VL's text model, which counts positions without padding.

Without images, `Qwen2_5_VLForConditionalGeneration` of transformers 4.49, which X2I was trained with, counts the tokens that the
mask keeps, and gives padding position 1 (`get_rope_index`). The text model alone counts padding too. X2I reads the states of
padding, so that matters.

Shape letters: B batch, L tokens.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers import Qwen2_5_VLTextModel

_OF_PADDING = 1


class CountedQwen(Qwen2_5_VLTextModel):
    """`Qwen2_5_VLTextModel` with the positions of the complete model."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **settings: Any) -> Any:
        """Shapes: (B, L), (B, L) → the output of the text model."""
        positions_BL = (attention_mask.long().cumsum(-1) - 1).masked_fill(attention_mask == 0, _OF_PADDING)
        return super().forward(
            input_ids=input_ids, attention_mask=attention_mask, position_ids=positions_BL, **settings
        )
