"""Stable Diffusion 1.x and 2.x: a UNet that reads token states of one width, any number of them, without a mask.

Shape letters: B batch, L tokens, C conditioning width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.bases.family import Family, Reads
from hub.bases.frozen import FrozenBase
from hub.bases.language_mixin import LanguageMixin
from hub.embeddings import Embeddings

if TYPE_CHECKING:
    from torch import nn


class StableDiffusionLanguage(LanguageMixin):
    """Stable Diffusion's mixin: every prompt of a list has its own negative prompt."""

    shares_negative = False


class FrozenStableDiffusion(FrozenBase):
    """CLIP → UNet."""

    reads_clip = True
    takes_words = True
    has_cross_attention = True
    takes_any_shape = True

    @property
    def blocks(self) -> tuple[tuple[nn.Module, ...], ...]:
        """Return the down, middle and up blocks."""
        return tuple(self.denoiser.down_blocks), (self.denoiser.mid_block,), tuple(self.denoiser.up_blocks)

    def _read(self, texts: list[str]) -> Embeddings:
        """Encode without the pipeline, which reads learned words and warns when it truncates."""
        return Embeddings(self.text_encoder(self.tokenize(texts).to(self.device)).last_hidden_state)


class StableDiffusion(Family):
    """Pipelines whose `encode_prompt` returns (prompt, negative prompt)."""

    name = "stable-diffusion"
    pipeline_classes: tuple[str, ...] = (
        "LatentConsistencyModelImg2ImgPipeline",
        "LatentConsistencyModelPipeline",
        "StableDiffusionAdapterPipeline",
        "StableDiffusionAttendAndExcitePipeline",
        "StableDiffusionControlNetImg2ImgPipeline",
        "StableDiffusionControlNetInpaintPipeline",
        "StableDiffusionControlNetPAGInpaintPipeline",
        "StableDiffusionControlNetPAGPipeline",
        "StableDiffusionControlNetPipeline",
        "StableDiffusionControlNetXSPipeline",
        "StableDiffusionDepth2ImgPipeline",
        "StableDiffusionDiffEditPipeline",
        "StableDiffusionGLIGENPipeline",
        "StableDiffusionGLIGENTextImagePipeline",
        "StableDiffusionImg2ImgPipeline",
        "StableDiffusionInpaintPipeline",
        "StableDiffusionLDM3DPipeline",
        "StableDiffusionPAGImg2ImgPipeline",
        "StableDiffusionPAGInpaintPipeline",
        "StableDiffusionPAGPipeline",
        "StableDiffusionPanoramaPipeline",
        "StableDiffusionPipeline",
        "StableDiffusionSAGPipeline",
        "StableDiffusionUpscalePipeline",
        "StableUnCLIPImg2ImgPipeline",
    )
    trained_classes: tuple[str, ...] = ("StableDiffusionPipeline",)
    denoiser = "unet"
    reads = Reads(width="cross_attention_dim")
    mixin = StableDiffusionLanguage
    frozen = FrozenStableDiffusion
