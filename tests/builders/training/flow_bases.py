"""Save the small random bases that are trained by flow matching, at the size of their own settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tests.builders.models.bases import SMALL
from tests.builders.models.bases.parts import randomise
from tests.builders.models.families import BASES
from tests.builders.models.tiny import clip_tokenizer

PIXELS = 32
FLOWS = (
    "stable-diffusion-3", "flux", "sana", "chroma", "lumina2", "cogview4", "auraflow", "qwen-image", "flux2-klein", "z-image",
)  # fmt: skip
"""Families that are trained by flow matching."""


def make_flow_base(family: str) -> Any:
    """Return the family's small pipeline, whose images depend on prompts, with the same weights each time."""
    torch.manual_seed(5)
    pipe = BASES[family].make(clip_tokenizer()) if family in BASES else SMALL[family].make()
    randomise(pipe.transformer)
    if family == "cogview4":
        pipe.transformer.register_to_config(sample_size=PIXELS // 2)  # diffusers' default is 128
    return pipe


def save_flow_base(family: str, folder: Path) -> Path:
    """Save the family's small base in a folder of its name."""
    make_flow_base(family).save_pretrained(folder / family)
    return folder / family
