"""Sana: a transformer that reads token states with a mask, through its caption projection.

Its own states are Gemma's. Modules give states of Gemma's width, before the projection and its norm, which stay: no
published module replaces them.

Shape letters: B batch, L tokens, C conditioning width.
"""

from __future__ import annotations

from hub.bases.family import Family, Reads
from hub.bases.language_mixin import LanguageMixin


class SanaLanguage(LanguageMixin):
    """Sana's mixin. Only the base's own encoder reads the instruction; modules read the prompt alone. Sprint has no negative prompts."""

    gives = ("tokens_BLC", "mask_BL")
    takes_finished = True
    """The base would order the masks of several images differently from their states."""


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
    reads = Reads(width="caption_channels", mask=True)
    mixin = SanaLanguage
