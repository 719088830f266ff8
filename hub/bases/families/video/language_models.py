"""Video bases whose own text encoder is a language model: HunyuanVideo, LTX-2, Sana-Video, Cosmos 2.5 and EasyAnimate."""

from __future__ import annotations

from hub.bases.families.row import row
from hub.bases.family import Also, Reads
from hub.bases.padding import PaddedLanguage

HunyuanVideo = row(
    "hunyuan-video",
    "HunyuanSkyreelsImageToVideo HunyuanVideo HunyuanVideoFramepack HunyuanVideoImageToVideo",
    Reads(width="text_embed_dim", pooled="pooled_projection_dim", mask=True),
    gives=("tokens_BLC", "pooled_BP", "mask_BL"),
    encodes_apart=True,
)
HunyuanVideo15 = row(
    "hunyuan-video-1.5",
    "HunyuanVideo15 HunyuanVideo15ImageToVideo",
    Reads(
        width="text_embed_dim",
        mask=True,
        streams=(Also(name="glyphs", width="text_embed_2_dim", mask=True, optional=True),),
    ),
    gives=("tokens_BLC", "mask_BL"),
    arguments={"tokens_BLC": "prompt_embeds", "mask_BL": "prompt_embeds_mask"},
    encodes_apart=True,
    keeps_prompt=True,
)
LTX2 = row(
    "ltx2",
    "LTX2 LTX2Condition LTX2DFR LTX2DFRTemporalRefine LTX2HDR LTX2ImageToVideo LTX2InContext",
    # All layers of Gemma, the channels in the order in which the pipeline stacks them: layers vary fastest.
    Reads(width="connectors:caption_channels", layers="connectors:text_proj_in_factor", mask=True),
    gives=("tokens_BLC", "mask_BL"),
    mixin=PaddedLanguage,
    pads_left=True,  # the connectors take the last tokens as those that count
)
SanaVideo = row(
    "sana-video",
    "SanaImageToVideo SanaVideo",
    Reads(width="caption_channels", mask=True),
    gives=("tokens_BLC", "mask_BL"),
)
Cosmos25 = row(
    "cosmos-2.5",
    "Cosmos2_5_PredictBase Cosmos2_5_Transfer",
    Reads(width="crossattn_proj_in_channels"),  # all layers of Qwen2.5-VL side by side
    counts_padding=True,
)
EasyAnimate = row(
    "easyanimate",
    "EasyAnimate EasyAnimateControl EasyAnimateInpaint",
    Reads(width="text_embed_dim", mask=True),
    gives=("tokens_BLC", "", "mask_BL"),
)
