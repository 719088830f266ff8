"""Transformers that read one stream of token states beside the image's: FLUX.2, Chroma, Qwen-Image, CogView4 and similar.

A row describes the inputs of the denoiser, the outputs of `encode_prompt`, and whether pipelines encode negative prompts in a
second call.
"""

from __future__ import annotations

from hub.bases.families.flow_transformers import (
    FrozenAuraFlow,
    FrozenChroma,
    FrozenCogView4,
    FrozenFlux2Klein,
    FrozenLumina2,
    FrozenQwenImage,
)
from hub.bases.families.row import row
from hub.bases.family import Reads
from hub.bases.padding import ZeroPaddedLanguage

_MASK = {"tokens_BLC": "prompt_embeds", "mask_BL": "prompt_embeds_mask"}
"""Field of `Embeddings` → argument, in pipelines that name the mask after the embeddings."""

Flux2 = row(
    "flux2",
    "Flux2",
    Reads(width="joint_attention_dim"),
    encodes_apart=True,
    counts_padding=True,
)
Flux2Klein = row(
    "flux2-klein",
    "Flux2Klein Flux2KleinInpaint Flux2KleinKV",
    Reads(width="joint_attention_dim"),
    trained="Flux2Klein",
    frozen=FrozenFlux2Klein,
    encodes_apart=True,
    counts_padding=True,
)
Chroma = row(
    "chroma",
    "Chroma ChromaImg2Img ChromaInpaint",
    Reads(width="joint_attention_dim", mask=True),
    gives=("tokens_BLC", "", "mask_BL"),
    trained="Chroma",
    frozen=FrozenChroma,
    float_mask=True,
)
QwenImage = row(
    "qwen-image",
    "QwenImage QwenImageControlNet QwenImageControlNetInpaint QwenImageEdit QwenImageEditInpaint QwenImageEditPlus "
    "QwenImageImg2Img QwenImageInpaint QwenImageLayered",
    Reads(width="joint_attention_dim", mask=True),
    gives=("tokens_BLC", "mask_BL"),
    trained="QwenImage",
    frozen=FrozenQwenImage,
    arguments=_MASK,
    encodes_apart=True,
)
NucleusMoEImage = row(
    "nucleus-moe-image",
    "NucleusMoEImage",
    Reads(width="joint_attention_dim", mask=True),
    gives=("tokens_BLC", "mask_BL"),
    arguments=_MASK,
    encodes_apart=True,
)
CogView4 = row(
    "cogview4",
    "CogView4 CogView4Control",
    Reads(width="text_embed_dim"),
    trained="CogView4",
    frozen=FrozenCogView4,
    counts_padding=True,
)
Lumina2 = row(
    "lumina2",
    "Lumina2",
    Reads(width="cap_feat_dim", mask=True),
    gives=("tokens_BLC", "mask_BL"),
    trained="Lumina2",
    frozen=FrozenLumina2,
)
Kolors = row(
    "kolors",
    "Kolors KolorsImg2Img KolorsPAG",
    Reads(width="encoder_hid_dim", pooled="text_encoder:hidden_size"),
    gives=("tokens_BLC", "", "pooled_BP"),
    denoiser="unet",
    counts_padding=True,
)

AuraFlow = row(
    "auraflow",
    "AuraFlow",
    Reads(width="joint_attention_dim", mask=True),
    gives=("tokens_BLC", "mask_BL"),
    mixin=ZeroPaddedLanguage,
    trained="AuraFlow",
    frozen=FrozenAuraFlow,
)
