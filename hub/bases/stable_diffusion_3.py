"""Stable Diffusion 3 and 3.5: a transformer that reads token states of any number, without a mask, and a pooled vector.

Its own states are two CLIPs' side by side, padded to T5's width, and T5's behind them. A module gives all of them at once.

Shape letters: B batch, L tokens, C conditioning width, P pooled width.
"""

from __future__ import annotations

import sys
from pathlib import Path

from hub.bases.family import Family, read_widths
from hub.bases.language_mixin import LanguageMixin
from hub.records import Conditioning


class StableDiffusion3Language(LanguageMixin):
    """Three encoders' states and two pooled vectors as one."""

    gives = ("tokens_BLC", "", "pooled_BP")
    takes_finished = True

    def _count_tokens(self, text: str) -> int:  # noqa: ARG002 - as the mixin has it
        """All of them count: states of CLIP and of T5 lie one behind the other, each with padding of its own."""
        return sys.maxsize


class StableDiffusion3(Family):
    """Every pipeline class whose `encode_prompt` takes three prompts and answers as Stable Diffusion XL's does."""

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
        """`joint_attention_dim` (4096) and `pooled_projection_dim` (2048) of the transformer; it takes any length."""
        return read_widths(folder)
