"""Stable Diffusion XL: a UNet that reads token states of any number and a pooled vector, without a mask.

Shape letters: B batch, L tokens, C conditioning width, P pooled width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from hub.bases.families.stable_diffusion import FrozenStableDiffusion
from hub.bases.family import Family, Reads
from hub.bases.frozen import FrozenBase
from hub.bases.language_mixin import LanguageMixin
from hub.embeddings import Embeddings

if TYPE_CHECKING:
    from torch import Tensor


class StableDiffusionXLLanguage(LanguageMixin):
    """Stable Diffusion XL's mixin: some bases read zeros instead of an empty negative prompt."""

    gives = ("tokens_BLC", "", "pooled_BP")

    def _encode_by_base(
        self, own: Callable[..., Any], given: Mapping[str, Any], texts: list[str], *, is_negative: bool = False
    ) -> Embeddings:
        encoded = super()._encode_by_base(own, given, texts, is_negative=is_negative)
        is_missing = is_negative and given["negative_prompt"] is None
        if not is_missing or not self.config.force_zeros_for_empty_prompt or encoded.pooled_BP is None:  # type: ignore[attr-defined]
            return encoded
        return Embeddings(encoded.tokens_BLC * 0, encoded.pooled_BP * 0)


class FrozenSDXL(FrozenStableDiffusion):
    """CLIP ×2 → UNet: `hidden_states[-2]` of both side by side, 768 | 1280, and the second one's projected pooled vector."""

    takes_words = False
    """Its published `eos_token_id` of 2 makes transformers take the largest id for the end of a text, which a new word would be."""

    @property
    def widths(self) -> tuple[int, int]:
        """Return the widths of the two encoders' states, in the base's order."""
        first, second = self._pipeline.text_encoder, self._pipeline.text_encoder_2
        return int(first.config.hidden_size), int(second.config.hidden_size)

    def _read(self, texts: list[str]) -> Embeddings:
        """Encode with the pipeline, which needs both encoders."""
        return FrozenBase._read(self, texts)  # noqa: SLF001 - skips Stable Diffusion's

    def conditions(
        self,
        states_BLC: Tensor,
        pooled_BP: Tensor | None,
        mask_BL: Tensor | None,  # noqa: ARG002 - all families share one signature
        sizes_B6: Tensor | None = None,
    ) -> dict[str, Any]:
        """Return the pooled vector (B, P), and the sizes: SDXL, §2.2."""
        if sizes_B6 is None:
            # Made on the device: a copy would be waited for.
            sizes_B6 = states_BLC.new_full((len(states_BLC), 6), self.side)
            sizes_B6[:, 2:4] = 0
        return {"added_cond_kwargs": {"text_embeds": pooled_BP, "time_ids": sizes_B6}}


class StableDiffusionXL(Family):
    """Pipelines whose `encode_prompt` returns (prompt, negative, pooled prompt, pooled negative)."""

    name = "stable-diffusion-xl"
    pipeline_classes = (
        "StableDiffusionXLAdapterPipeline",
        "StableDiffusionXLControlNetImg2ImgPipeline",
        "StableDiffusionXLControlNetInpaintPipeline",
        "StableDiffusionXLControlNetPAGImg2ImgPipeline",
        "StableDiffusionXLControlNetPAGPipeline",
        "StableDiffusionXLControlNetPipeline",
        "StableDiffusionXLControlNetUnionImg2ImgPipeline",
        "StableDiffusionXLControlNetUnionInpaintPipeline",
        "StableDiffusionXLControlNetUnionPipeline",
        "StableDiffusionXLControlNetXSPipeline",
        "StableDiffusionXLImg2ImgPipeline",
        "StableDiffusionXLInpaintPipeline",
        "StableDiffusionXLInstructPix2PixPipeline",
        "StableDiffusionXLPAGImg2ImgPipeline",
        "StableDiffusionXLPAGInpaintPipeline",
        "StableDiffusionXLPAGPipeline",
        "StableDiffusionXLPipeline",
    )
    trained_classes = ("StableDiffusionXLPipeline",)
    denoiser = "unet"
    reads = Reads(width="cross_attention_dim", pooled="text_encoder_2:projection_dim")
    mixin = StableDiffusionXLLanguage
    frozen = FrozenSDXL
