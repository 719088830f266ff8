"""Sana: a transformer that reads token states with a mask, through its caption projection.

Its own states are Gemma's. Modules give states of Gemma's width, before the projection and its norm, which stay: no
published module replaces them.

Shape letters: B batch, L tokens, C conditioning width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.bases.family import Family, Reads
from hub.bases.flow import FrozenFlow
from hub.bases.language_mixin import LanguageMixin
from hub.embeddings import Embeddings

if TYPE_CHECKING:
    from torch import Tensor


class SanaLanguage(LanguageMixin):
    """Sana's mixin. Only the base's own encoder reads the instruction; modules read the prompt alone. Sprint has no negative prompts."""

    gives = ("tokens_BLC", "mask_BL")
    takes_finished = True
    """The base would order the masks of several images differently from their states."""


class FrozenSana(FrozenFlow):
    """Gemma → transformer; the autoencoder has no distribution of latents. Text is read by cross-attention alone."""

    patch = 1
    has_posterior = False
    has_cross_attention = True
    attention_layer = "attn2"

    def _encode(self, pixels_B3HW: Tensor) -> Tensor:
        latents: Tensor = self._vae.encode(pixels_B3HW).latent
        return latents * float(self._vae.config.scaling_factor)

    def _decode(self, latents_BKHW: Tensor) -> Tensor:
        pixels: Tensor = self._vae.decode(latents_BKHW / float(self._vae.config.scaling_factor)).sample
        return pixels

    def _time(self, steps_B: Tensor) -> Tensor:
        """Return the timesteps times the transformer's own scale."""
        return steps_B * float(self.denoiser.config.timestep_scale)

    def _denoise(self, noisy_BKHW: Tensor, time_B: Tensor, given: Embeddings) -> Tensor:
        answer: Tensor = self.denoiser(
            noisy_BKHW, timestep=time_B, encoder_hidden_states=given.tokens_BLC, encoder_attention_mask=given.mask_BL
        ).sample
        return answer


class Sana(Family):
    """Pipelines whose `encode_prompt` returns (prompt, its mask, negative prompt, its mask), or the first two."""

    name = "sana"
    pipeline_classes = (
        "SanaControlNetPipeline",
        "SanaPAGPipeline",
        "SanaPipeline",
        "SanaSprintImg2ImgPipeline",
        "SanaSprintPipeline",
    )
    trained_classes = ("SanaPipeline",)
    reads = Reads(width="caption_channels", mask=True)
    mixin = SanaLanguage
    frozen = FrozenSana
