"""LLaMA with InternVL's projection of one state: a pooled vector in the space shared with images.

mulankit's `InternVLTextModel` projects the state at `valid.sum() - 1`, where valid are ids above 0. With an unknown word in
the middle, this is not the last valid position; the published heads were trained this way.

Shape letters: B batch, L tokens, E encoder width, D pooled width.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaModel
from transformers.modeling_outputs import BaseModelOutputWithPooling


class PooledLlama(LlamaModel):
    """`LlamaModel` with a projection to `projection_dim` of its config, D."""

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
