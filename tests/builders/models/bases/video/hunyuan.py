"""Small bases of HunyuanVideo and HunyuanVideo-1.5."""

from __future__ import annotations

from typing import Any

from diffusers import (
    AutoencoderKLHunyuanVideo,
    AutoencoderKLHunyuanVideo15,
    ClassifierFreeGuidance,
    FlowMatchEulerDiscreteScheduler,
    HunyuanVideo15Pipeline,
    HunyuanVideo15Transformer3DModel,
    HunyuanVideoFramepackTransformer3DModel,
    HunyuanVideoPipeline,
    HunyuanVideoTransformer3DModel,
)
from transformers import ByT5Tokenizer, Qwen2_5_VLTextConfig, Qwen2_5_VLTextModel

from tests.builders.models.bases.parts import (
    WIDTH,
    clip_text,
    image,
    llama,
    llama_tokenizer,
    qwen_tokenizer,
    randomise,
    siglip,
    t5,
)
from tests.builders.models.bases.small import Small

SIDE = 16
TEMPLATE = {"template": "{}", "crop_start": 0}
POOLED = 8


def hunyuan_transformer(made: Any = HunyuanVideoTransformer3DModel, **more: Any) -> Any:
    sizes = {
        "in_channels": 4, "out_channels": 4, "num_attention_heads": 2, "attention_head_dim": 10, "num_layers": 1,
        "num_single_layers": 1, "num_refiner_layers": 1, "patch_size": 1, "patch_size_t": 1, "guidance_embeds": True,
        "text_embed_dim": WIDTH, "pooled_projection_dim": POOLED, "rope_axes_dim": (2, 4, 4),
    }  # fmt: skip
    return randomise(made(**{**sizes, **more}))


def hunyuan_video() -> HunyuanVideoPipeline:
    vae = AutoencoderKLHunyuanVideo(
        latent_channels=4, down_block_types=("HunyuanVideoDownBlock3D",) * 4, up_block_types=("HunyuanVideoUpBlock3D",) * 4,
        block_out_channels=(8,) * 4, layers_per_block=1, norm_num_groups=4,
    )  # fmt: skip
    return HunyuanVideoPipeline(
        text_encoder=llama(), tokenizer=llama_tokenizer(), transformer=hunyuan_transformer(), vae=vae,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0), **clip_text(POOLED, "_2"),
    )  # fmt: skip


def from_image_by_skyreels(_: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    return (
        "HunyuanSkyreelsImageToVideoPipeline",
        {"transformer": hunyuan_transformer(in_channels=8)},
        {"image": image(SIDE)},
    )


def in_packed_frames(_: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    transformer = hunyuan_transformer(
        HunyuanVideoFramepackTransformer3DModel,
        patch_size=2,
        has_image_proj=True,
        image_proj_dim=WIDTH,
        has_clean_x_embedder=True,
    )
    parts = {"transformer": transformer, **siglip(WIDTH)}
    return "HunyuanVideoFramepackPipeline", parts, {"image": image(SIDE), "latent_window_size": 1, "num_frames": 1}


def hunyuan_video_15() -> HunyuanVideo15Pipeline:
    transformer = HunyuanVideo15Transformer3DModel(
        in_channels=9, out_channels=4, num_attention_heads=2, attention_head_dim=8, num_layers=1, num_refiner_layers=1,
        mlp_ratio=2.0, patch_size=1, patch_size_t=1, text_embed_dim=WIDTH, text_embed_2_dim=WIDTH, image_embed_dim=12,
        rope_axes_dim=(2, 2, 4), target_size=16,
    )  # fmt: skip
    vae = AutoencoderKLHunyuanVideo15(
        latent_channels=4, block_out_channels=(16, 16), layers_per_block=1, spatial_compression_ratio=4,
        temporal_compression_ratio=2, downsample_match_channel=False, upsample_match_channel=False,
    )  # fmt: skip
    config = Qwen2_5_VLTextConfig(
        vocab_size=300, hidden_size=WIDTH, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2,
        max_position_embeddings=4096,
        rope_parameters={"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0},
    )  # fmt: skip
    return HunyuanVideo15Pipeline(
        text_encoder=Qwen2_5_VLTextModel(config).eval(), tokenizer=qwen_tokenizer(), transformer=randomise(transformer), vae=vae,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0), text_encoder_2=t5(vocabulary=384), tokenizer_2=ByT5Tokenizer(),
        guider=ClassifierFreeGuidance(guidance_scale=3.0),
    )  # fmt: skip


def from_image_15(_: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    return "HunyuanVideo15ImageToVideoPipeline", siglip(12), {"image": image(SIDE), "height": None, "width": None}


SMALL = {
    "hunyuan-video": Small(
        make=hunyuan_video,
        call={"height": SIDE, "width": SIDE, "num_frames": 5, "prompt_template": TEMPLATE, "max_sequence_length": 16},
        guided={"true_cfg_scale": 3.0},
        shape=(5, SIDE, SIDE, 3),
        # HunyuanVideoImageToVideoPipeline reads image and prompt with a LLaVA, whose template diffusers splits by Llama-3 headers.
        routes={"image to video (SkyReels)": from_image_by_skyreels, "image to video (FramePack)": in_packed_frames},
    ),
    "hunyuan-video-1.5": Small(
        make=hunyuan_video_15,
        call={"height": SIDE, "width": SIDE, "num_frames": 1},
        attributes={
            "system_message": "Draw:",
            "prompt_template_encode_start_idx": 20,
            "tokenizer_max_length": 32,
            "tokenizer_2_max_length": 16,
        },
        batched={"output_type": "latent"},  # diffusers 0.42.1's autoencoder decodes one video at a time
        shape=(1, SIDE, SIDE, 3),
        routes={"image to video": from_image_15},
    ),
}
