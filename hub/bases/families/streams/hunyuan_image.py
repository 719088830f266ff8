"""HunyuanImage 2.1: a transformer that reads token states with a mask, and glyphs with another.

Its own states are Qwen2.5-VL's. Glyphs are ByT5's states of the quoted text in a prompt, which the base encodes beside modules.
"""

from __future__ import annotations

from hub.bases.families.row import row
from hub.bases.family import Also, Reads

_MASK = {"tokens_BLC": "prompt_embeds", "mask_BL": "prompt_embeds_mask"}
"""Field of `Embeddings` → argument."""

HunyuanImage = row(
    "hunyuan-image",
    "HunyuanImage",
    Reads(
        width="text_embed_dim",
        mask=True,
        streams=(Also(name="glyphs", width="text_embed_2_dim", length=128, mask=True, optional=True),),
    ),
    gives=("tokens_BLC", "mask_BL"),
    arguments=_MASK,
    encodes_apart=True,
    keeps_prompt=True,
)
HunyuanImageRefiner = row(
    "hunyuan-image-refiner",
    "HunyuanImageRefiner",
    Reads(width="text_embed_dim", mask=True),
    gives=("tokens_BLC", "mask_BL"),
    arguments=_MASK,
    encodes_apart=True,
)
