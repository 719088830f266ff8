"""Sana: a transformer that reads token states with a mask, through its caption projection.

Its own states are Gemma's. Modules give states of Gemma's width, in front of the projection and its norm, which stay: no
published module takes their place.

Shape letters: B batch, L tokens, C conditioning width.
"""

from __future__ import annotations

from pathlib import Path

from hub.bases.family import Family, read_json
from hub.bases.language_mixin import LanguageMixin
from hub.errors import Damaged
from hub.records import Conditioning


class SanaLanguage(LanguageMixin):
    """The instruction is for the base's own encoder: a module reads the prompt alone. Sprint reads no negative prompts."""

    gives = ("tokens_BLC", "mask_BL")
    takes_finished = True
    """The base would put the masks of several pictures in another order than their states."""


class Sana(Family):
    """Every pipeline class whose `encode_prompt` answers (prompt, its mask, negative prompt, its mask), or the first two."""

    name = "sana"
    pipeline_classes = ("SanaControlNetPipeline", "SanaPipeline", "SanaSprintImg2ImgPipeline", "SanaSprintPipeline")
    denoiser = "transformer"
    mixin = SanaLanguage

    def conditioning(self, folder: Path) -> Conditioning:
        """`caption_channels` of the transformer (2304); it takes any length and is told which tokens count."""
        width = read_json(folder / "transformer" / "config.json").get("caption_channels")
        if not isinstance(width, int):
            raise Damaged(f"the transformer of `{folder.name}` names no `caption_channels`, but {width!r}.")
        return Conditioning(width=width, mask=True)
