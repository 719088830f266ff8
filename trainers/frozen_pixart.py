"""PixArt-α and Σ taken apart for training: T5 states with a mask, a transformer, and a variance it says beside the noise.

The plug point is behind the caption projection, where MuLan's published adapter stands in its place. So C is the width of the
transformer (1152), not T5's (4096), and the base's own states are taken through its projection once, when they are cached.

Shape letters: B batch, L tokens, C conditioning width, H and W of a latent, K its channels.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from hub.modules import Embeddings
from trainers.frozen import FrozenBase


class FrozenPixArt(FrozenBase):
    """T5 → caption projection → transformer."""

    family = "pixart"

    def __init__(self, pipeline: Any, device: torch.device) -> None:
        super().__init__(pipeline, device)
        self._projection: nn.Module = self.denoiser.caption_projection
        self.denoiser.caption_projection = None  # diffusers' transformer then reads states as they come

    @property
    def denoiser(self) -> Any:
        """The transformer."""
        return self._pipeline.transformer

    @property
    def blocks(self) -> tuple[tuple[nn.Module, ...], ...]:
        """All of one kind, so in one group."""
        return (tuple(self.denoiser.transformer_blocks),)

    @property
    def width(self) -> int:
        """C, of the transformer."""
        return int(self.denoiser.inner_dim)

    @property
    def mask(self) -> bool:
        """Pads are hidden from cross-attention."""
        return True

    @property
    def length(self) -> int:
        """120 tokens for α, 300 for Σ: what the pipeline's `encode_prompt` takes unless told otherwise."""
        return int(inspect.signature(self._pipeline.encode_prompt).parameters["max_sequence_length"].default)

    @torch.no_grad()
    def read(self, texts: Sequence[str]) -> Embeddings:
        """Projected states (B, L, C) and mask (B, L)."""
        states_BLT, mask_BL, _, _ = self._pipeline.encode_prompt(
            list(texts), device=self.device, do_classifier_free_guidance=False
        )
        return Embeddings(self._projection(states_BLT), mask_BL=mask_BL.bool())

    def predict(
        self,
        noised_BKHW: Tensor,
        steps_B: Tensor,
        states_BLC: Tensor,
        pooled_BP: Tensor | None = None,  # noqa: ARG002 - every family is asked alike
        mask_BL: Tensor | None = None,
    ) -> Tensor:
        """The noise, without the variance that a learned sigma says behind it (twice as many channels)."""
        conditions: dict[str, Tensor | None] = {"resolution": None, "aspect_ratio": None}
        if self.denoiser.use_additional_conditions:
            count, side = len(states_BLC), float(self.side)
            conditions["resolution"] = torch.full((count, 2), side, dtype=states_BLC.dtype, device=states_BLC.device)
            conditions["aspect_ratio"] = torch.ones(count, 1, dtype=states_BLC.dtype, device=states_BLC.device)
        answer: Tensor = self.denoiser(
            noised_BKHW,
            encoder_hidden_states=states_BLC,
            timestep=steps_B,
            added_cond_kwargs=conditions,
            encoder_attention_mask=mask_BL,
        ).sample
        return answer[:, : noised_BKHW.shape[1]]
