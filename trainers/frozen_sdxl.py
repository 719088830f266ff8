"""Stable Diffusion XL taken apart for training: two text encoders, a pooled vector, and what size a picture had.

Shape letters: B batch, L tokens, C conditioning width, P pooled width, H and W of a latent, K its channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hub.errors import DoesNotFit
from hub.modules import Embeddings
from trainers.frozen import FrozenBase


class FrozenSDXL(FrozenBase):
    """States are `hidden_states[-2]` of both encoders side by side, 768 | 1280; pooled is the second one's, projected."""

    family = "stable-diffusion-xl"

    @property
    def width(self) -> int:
        """C, of both encoders together."""
        return int(self.unet.config.cross_attention_dim)

    @property
    def widths(self) -> tuple[int, int]:
        """Of the two encoders' states, in the base's own order."""
        first, second = self._pipeline.text_encoder, self._pipeline.text_encoder_2
        return int(first.config.hidden_size), int(second.config.hidden_size)

    @property
    def pooled_width(self) -> int:
        """P."""
        return int(self._pipeline.text_encoder_2.config.projection_dim)

    @torch.no_grad()
    def read(self, texts: Sequence[str]) -> Embeddings:
        """States (B, L, C) and pooled (B, P)."""
        states_BLC, _, pooled_BP, _ = self._pipeline.encode_prompt(
            list(texts), device=self.device, do_classifier_free_guidance=False
        )
        return Embeddings(states_BLC, pooled_BP)

    def predict(
        self,
        noised_BKHW: Tensor,
        steps_B: Tensor,
        states_BLC: Tensor,
        pooled_BP: Tensor | None = None,
        mask_BL: Tensor | None = None,  # noqa: ARG002 - every family is asked alike
    ) -> Tensor:
        """The UNet's answer for uncropped pictures of the base's own size. DoesNotFit without a pooled vector."""
        if pooled_BP is None:
            raise DoesNotFit(
                f"this base reads a pooled vector of width {self.pooled_width} beside token states, and the module gives none."
            )
        # (height, width) as it was, upper left corner of the crop, (height, width) as wanted: SDXL, §2.2.
        sizes = torch.tensor([self.side, self.side, 0, 0, self.side, self.side], dtype=states_BLC.dtype)
        time_ids_B6 = sizes.to(states_BLC.device).expand(len(states_BLC), -1)
        conditions = {"text_embeds": pooled_BP, "time_ids": time_ids_B6}
        answer: Tensor = self.unet(
            noised_BKHW, steps_B, encoder_hidden_states=states_BLC, added_cond_kwargs=conditions
        ).sample
        return answer
