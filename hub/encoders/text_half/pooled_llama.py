"""LLaMA with InternVL's projection of one state: its pooled vector of a text, in the space it shares with pictures.

mulankit's `InternVLTextModel` takes the state at `valid.sum() - 1`, where valid are ids above 0, and `text_projection` maps it.
With a token left out in the middle, an unknown word, that is not the last valid place; the published heads were trained so.

Shape letters: B batch, L tokens, E encoder width, D pooled width.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaModel
from transformers.modeling_outputs import BaseModelOutputWithPooling


class PooledLlama(LlamaModel):
    """`LlamaModel`, whose config has a `projection_dim`, too: D."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__(config)
        self.text_projection = nn.Parameter(torch.zeros(config.hidden_size, config.projection_dim))

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **settings: Any) -> BaseModelOutputWithPooling:
        """Shapes: (B, L), (B, L), padded right → last states (B, L, E) after the norm, pooled (B, D)."""
        answer = super().forward(input_ids=input_ids, attention_mask=attention_mask, **settings)
        states_BLE: Tensor = answer.last_hidden_state
        rows_B = torch.arange(len(states_BLE), device=states_BLE.device)
        last_BE = states_BLE[rows_B, attention_mask.sum(1) - 1]
        return BaseModelOutputWithPooling(
            last_hidden_state=states_BLE,
            pooler_output=last_BE.to(self.text_projection.dtype) @ self.text_projection,
            hidden_states=answer.hidden_states,
        )
