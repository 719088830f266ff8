"""Small bases of Allegro, Latte, Sana-Video, EasyAnimate and Motif-Video."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import (
    AllegroPipeline,
    AllegroTransformer3DModel,
    AutoencoderKLAllegro,
    AutoencoderKLMagvit,
    ClassifierFreeGuidance,
    DDIMScheduler,
    EasyAnimatePipeline,
    EasyAnimateTransformer3DModel,
    FlowMatchEulerDiscreteScheduler,
    LattePipeline,
    LatteTransformer3DModel,
    MotifVideoPipeline,
    MotifVideoTransformer3DModel,
    SanaVideoPipeline,
    SanaVideoTransformer3DModel,
)
from transformers import (
    Gemma2Config,
    Gemma2Model,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    SiglipVisionConfig,
    T5Gemma2Encoder,
    T5Gemma2EncoderConfig,
    T5Gemma2TextConfig,
)

from tests.builders.models.bases.parts import (
    SIDE,
    WIDTH,
    autoencoder,
    gemma_tokenizer,
    image,
    qwen_tokenizer,
    randomise,
    t5,
    t5_tokenizer,
)
from tests.builders.models.bases.small import Small
from tests.builders.models.bases.video.t5 import wan_autoencoder

SQUARE = {"height": 16, "width": 16, "guidance_scale": 3.0}


def allegro() -> AllegroPipeline:
    transformer = AllegroTransformer3DModel(
        num_attention_heads=2, attention_head_dim=12, in_channels=4, out_channels=4, num_layers=1, cross_attention_dim=24,
        sample_width=8, sample_height=8, sample_frames=8, caption_channels=WIDTH,
    )  # fmt: skip
    vae = AutoencoderKLAllegro(
        down_block_types=("AllegroDownBlock3D",) * 4, up_block_types=("AllegroUpBlock3D",) * 4, block_out_channels=(8,) * 4,
        latent_channels=4, layers_per_block=1, norm_num_groups=2, temporal_compression_ratio=4,
    )  # fmt: skip
    return AllegroPipeline(
        tokenizer=t5_tokenizer(),
        text_encoder=t5(),
        vae=vae,
        transformer=randomise(transformer),
        scheduler=DDIMScheduler(),
    )


def latte() -> LattePipeline:
    transformer = LatteTransformer3DModel(
        sample_size=8, num_layers=1, patch_size=2, attention_head_dim=8, num_attention_heads=3, caption_channels=WIDTH, in_channels=4,
        cross_attention_dim=24, out_channels=8, attention_bias=True, activation_fn="gelu-approximate", num_embeds_ada_norm=1000,
        norm_type="ada_norm_single", norm_elementwise_affine=False, norm_eps=1e-6,
    )  # fmt: skip
    return LattePipeline(
        tokenizer=t5_tokenizer(),
        text_encoder=t5(),
        vae=autoencoder(),
        transformer=randomise(transformer),
        scheduler=DDIMScheduler(),
    )


def sana_video() -> SanaVideoPipeline:
    config = Gemma2Config(
        vocab_size=300, hidden_size=WIDTH, intermediate_size=16, num_hidden_layers=1, head_dim=8, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=600,
    )  # fmt: skip
    transformer = SanaVideoTransformer3DModel(
        in_channels=16, out_channels=16, num_attention_heads=2, attention_head_dim=12, num_layers=1, num_cross_attention_heads=2,
        cross_attention_head_dim=12, cross_attention_dim=24, caption_channels=WIDTH, sample_size=8, patch_size=(1, 2, 2),
        qk_norm="rms_norm_across_heads", rope_max_seq_len=32,
    )  # fmt: skip
    return SanaVideoPipeline(
        tokenizer=gemma_tokenizer(), text_encoder=Gemma2Model(config).eval(), vae=wan_autoencoder(), transformer=randomise(transformer),
        scheduler=FlowMatchEulerDiscreteScheduler(),
    )  # fmt: skip


def easyanimate_transformer(channels: int = 4) -> EasyAnimateTransformer3DModel:
    transformer = EasyAnimateTransformer3DModel(
        num_attention_heads=2, attention_head_dim=16, in_channels=channels, out_channels=4, time_embed_dim=2, text_embed_dim=WIDTH,
        num_layers=1, sample_width=16, sample_height=16, patch_size=2,
    )  # fmt: skip
    return randomise(transformer)


def easyanimate() -> EasyAnimatePipeline:
    vae = AutoencoderKLMagvit(
        down_block_types=("SpatialDownBlock3D", *("SpatialTemporalDownBlock3D",) * 3),
        up_block_types=("SpatialUpBlock3D", *("SpatialTemporalUpBlock3D",) * 3), block_out_channels=(8,) * 4, latent_channels=4,
        layers_per_block=1, norm_num_groups=2, spatial_group_norm=False,
    )  # fmt: skip
    text = {
        "vocab_size": 300, "hidden_size": WIDTH, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
        "num_key_value_heads": 2, "max_position_embeddings": 4096,
        "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0},
    }  # fmt: skip
    vision = {"depth": 1, "embed_dim": WIDTH, "hidden_size": WIDTH, "num_heads": 2, "mlp_ratio": 1}
    encoder = Qwen2VLForConditionalGeneration(Qwen2VLConfig(text_config=text, vision_config=vision)).eval()
    return EasyAnimatePipeline(
        vae=vae, text_encoder=encoder, tokenizer=qwen_tokenizer(), transformer=easyanimate_transformer(),
        scheduler=FlowMatchEulerDiscreteScheduler(),
    )  # fmt: skip


def easyanimate_inpaint(_: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    video = torch.full((1, 3, 5, 16, 16), 0.5)
    given = {"video": video, "mask_video": torch.full((1, 1, 5, 16, 16), 255.0)}
    return "EasyAnimateInpaintPipeline", {"transformer": easyanimate_transformer(4 + 4 + 1)}, given


def motif_transformer(**more: Any) -> MotifVideoTransformer3DModel:
    sizes = {
        "in_channels": 33, "out_channels": 16, "num_attention_heads": 2, "attention_head_dim": 12, "num_layers": 1,
        "num_single_layers": 1, "patch_size": 1, "patch_size_t": 1, "text_embed_dim": WIDTH, "rope_axes_dim": (4, 4, 4),
    }  # fmt: skip
    return randomise(MotifVideoTransformer3DModel(**{**sizes, **more}))


def motif_video() -> MotifVideoPipeline:
    text = T5Gemma2TextConfig(
        vocab_size=300, hidden_size=WIDTH, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2,
        head_dim=8, max_position_embeddings=128, dropout_rate=0.0,
    )  # fmt: skip
    vision = SiglipVisionConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=1, image_size=8, intermediate_size=8, patch_size=4
    )
    config = T5Gemma2EncoderConfig(text_config=text, vision_config=vision, image_token_index=299, eoi_token_index=298)
    return MotifVideoPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0), vae=wan_autoencoder(), text_encoder=T5Gemma2Encoder(config).eval(),
        tokenizer=t5_tokenizer(), transformer=motif_transformer(), guider=ClassifierFreeGuidance(guidance_scale=3.0),
    )  # fmt: skip


SMALL = {
    # MotifVideoImage2VideoPipeline also reads an image with the vision part of the text encoder.
    "motif-video": Small(
        make=motif_video,
        call={"height": 16, "width": 16, "num_frames": 5, "max_sequence_length": 16},
        shape=(5, 16, 16, 3),
    ),
    # Its autoencoder decodes with tiles of 320 pixels only, which small latents do not fill.
    "allegro": Small(
        make=allegro,
        call=SQUARE | {"num_frames": 8, "max_sequence_length": 16, "output_type": "latent"},
        shape=(4, 2, 2, 2),
    ),
    "latte": Small(make=latte, call=SQUARE | {"video_length": 1}, shape=(1, 16, 16, 3)),
    "sana-video": Small(
        make=sana_video,
        call=SQUARE
        | {"height": SIDE, "width": SIDE, "frames": 5, "use_resolution_binning": False, "max_sequence_length": 16}
        | {"complex_human_instruction": ["Draw:"]},
        shape=(5, SIDE, SIDE, 3),
        routes={"image to video": lambda _: ("SanaImageToVideoPipeline", {}, {"image": image()})},
    ),
    # diffusers 0.42.1 fails without a negative prompt, and its EasyAnimateControlPipeline passes its encoder an unknown argument.
    "easyanimate": Small(
        make=easyanimate,
        call=SQUARE | {"num_frames": 5, "negative_prompt": ""},
        shape=(5, 16, 16, 3),
        routes={"inpainting": easyanimate_inpaint},
    ),
}
