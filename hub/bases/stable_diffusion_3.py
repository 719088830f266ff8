"""Stable Diffusion 3 and 3.5: a transformer that reads token states of any number, without a mask, and a pooled vector.

Its own states are two CLIPs' side by side, padded to T5's width, followed by T5's. A module replaces all of them.

Shape letters: B batch, L tokens, C conditioning width, P pooled width.
"""

from __future__ import annotations

import sys
from pathlib import Path

from hub.bases.family import Family, read_widths
from hub.bases.language_mixin import LanguageMixin
from hub.records import Conditioning


class StableDiffusion3Language(LanguageMixin):
    """Stable Diffusion 3's mixin: three encoders' states and two pooled vectors as one."""

    gives = ("tokens_BLC", "", "pooled_BP")
    takes_finished = True

    def _count_tokens(self, text: str) -> int:  # noqa: ARG002 - as the mixin has it
        """Count every position: states of CLIP and T5 follow each other, each with its own padding."""
        return sys.maxsize


class StableDiffusion3(Family):
    """Pipelines whose `encode_prompt` takes three prompts and returns what Stable Diffusion XL's does."""

    name = "stable-diffusion-3"
    pipeline_classes = (
        "StableDiffusion3ControlNetInpaintingPipeline",
        "StableDiffusion3ControlNetPipeline",
        "StableDiffusion3Img2ImgPipeline",
        "StableDiffusion3InpaintPipeline",
        "StableDiffusion3PAGImg2ImgPipeline",
        "StableDiffusion3PAGPipeline",
        "StableDiffusion3Pipeline",
    )
    denoiser = "transformer"
    mixin = StableDiffusion3Language

    def conditioning(self, folder: Path) -> Conditioning:
        """Return `joint_attention_dim` (4096) and `pooled_projection_dim` (2048) of the transformer; any length."""
        return read_widths(folder)
