"""Small video bases whose own text encoder is a T5: Wan, CogVideoX and Mochi."""

from __future__ import annotations

from typing import Any

from diffusers import (
    AutoencoderKLCogVideoX,
    AutoencoderKLMochi,
    AutoencoderKLWan,
    CogVideoXDDIMScheduler,
    CogVideoXPipeline,
    CogVideoXTransformer3DModel,
    FlowMatchEulerDiscreteScheduler,
    MochiPipeline,
    MochiTransformer3DModel,
    WanAnimateTransformer3DModel,
    WanPipeline,
    WanTransformer3DModel,
    WanVACETransformer3DModel,
)
from transformers import UMT5Config, UMT5EncoderModel

from tests.builders.models.bases.parts import WIDTH, clip_images, frames, image, randomise, t5, t5_tokenizer
from tests.builders.models.bases.small import Small

SIDE = 16
SQUARE = {"height": SIDE, "width": SIDE, "max_sequence_length": 16}
SIZES = {
    "num_attention_heads": 2,
    "attention_head_dim": 12,
    "text_dim": WIDTH,
    "freq_dim": 16,
    "ffn_dim": 16,
    "rope_max_seq_len": 32,
}


def umt5() -> UMT5EncoderModel:
    config = UMT5Config(vocab_size=160, d_model=WIDTH, d_kv=4, d_ff=16, num_layers=1, num_heads=2)
    return UMT5EncoderModel(config).eval()


def wan_transformer(made: Any = WanTransformer3DModel, **more: Any) -> Any:
    sizes = {"patch_size": (1, 2, 2), "in_channels": 16, "out_channels": 16, "num_layers": 1, **SIZES}
    return randomise(made(**{**sizes, **more}))


def wan_autoencoder() -> AutoencoderKLWan:
    return AutoencoderKLWan(
        base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
    )


def wan() -> WanPipeline:
    return WanPipeline(
        tokenizer=t5_tokenizer(), text_encoder=umt5(), vae=wan_autoencoder(), scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0),
        transformer=wan_transformer(), transformer_2=wan_transformer(), boundary_ratio=0.9,
    )  # fmt: skip


def wan_from_image(_: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    parts = {"transformer": wan_transformer(in_channels=36, image_dim=4), "transformer_2": None, "boundary_ratio": None}
    return "WanImageToVideoPipeline", parts | clip_images(4), {"image": image(SIDE)}


def wan_animated(_: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    transformer = wan_transformer(
        WanAnimateTransformer3DModel, in_channels=36, latent_channels=16, image_dim=4,
        motion_encoder_channel_sizes={"4": 16, "8": 16, "16": 16}, motion_encoder_size=16, motion_style_dim=8, motion_dim=4,
        motion_encoder_dim=16, face_encoder_hidden_dim=16, face_encoder_num_heads=2, inject_face_latents_blocks=1,
    )  # fmt: skip
    call = {
        "image": image(SIDE), "pose_video": frames(5, SIDE), "face_video": frames(5, SIDE), "num_frames": None, "guidance_scale": 1.0,
        "segment_frame_length": 5, "prev_segment_conditioning_frames": 1, "mode": "animate",
    }  # fmt: skip
    return "WanAnimatePipeline", {"transformer": transformer, **clip_images(4)}, call


def wan_vace(_: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    transformer = wan_transformer(WanVACETransformer3DModel, vace_layers=[0], vace_in_channels=96)
    return (
        "WanVACEPipeline",
        {"transformer": transformer, "transformer_2": None, "boundary_ratio": None},
        {"video": frames(5, SIDE)},
    )


def cogvideox_transformer(channels: int = 4) -> CogVideoXTransformer3DModel:
    transformer = CogVideoXTransformer3DModel(
        num_attention_heads=2, attention_head_dim=16, in_channels=channels, out_channels=4, time_embed_dim=2, text_embed_dim=WIDTH,
        num_layers=1, sample_width=8, sample_height=8, sample_frames=9, max_text_seq_length=16, use_rotary_positional_embeddings=True,
    )  # fmt: skip
    return randomise(transformer)


def cogvideox() -> CogVideoXPipeline:
    vae = AutoencoderKLCogVideoX(
        down_block_types=("CogVideoXDownBlock3D",) * 4, up_block_types=("CogVideoXUpBlock3D",) * 4,
        block_out_channels=(8, 8, 8, 8), latent_channels=4, layers_per_block=1, norm_num_groups=2, temporal_compression_ratio=4,
    )  # fmt: skip
    return CogVideoXPipeline(
        tokenizer=t5_tokenizer(),
        text_encoder=t5(),
        vae=vae,
        transformer=cogvideox_transformer(),
        scheduler=CogVideoXDDIMScheduler(),
    )


def cogvideox_wide(name: str, **call: Any) -> Any:
    """Return the route to a class whose transformer also reads an image or video."""
    return lambda _: (name, {"transformer": cogvideox_transformer(8)}, call)


def mochi() -> MochiPipeline:
    transformer = MochiTransformer3DModel(
        patch_size=2, num_attention_heads=2, attention_head_dim=8, num_layers=2, pooled_projection_dim=16, in_channels=12,
        qk_norm="rms_norm", text_embed_dim=WIDTH, time_embed_dim=4, max_sequence_length=16,
    )  # fmt: skip
    vae = AutoencoderKLMochi(
        latent_channels=12, out_channels=3, encoder_block_out_channels=(32,) * 4, decoder_block_out_channels=(32,) * 4,
        layers_per_block=(1,) * 5,
    )  # fmt: skip
    return MochiPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=vae, text_encoder=t5(), tokenizer=t5_tokenizer(),
        transformer=randomise(transformer),
    )  # fmt: skip


SMALL = {
    "wan": Small(
        make=wan,
        call=SQUARE | {"num_frames": 5},
        shape=(5, SIDE, SIDE, 3),
        routes={
            "image to video": wan_from_image,
            "video to video": lambda _: (
                "WanVideoToVideoPipeline",
                {},
                {"video": frames(5, SIDE), "strength": 0.9, "num_inference_steps": 4, "num_frames": None},
            ),
            "control (VACE)": wan_vace,
            "edit (Lucy)": lambda _: (
                "LucyEditPipeline",
                {"transformer": wan_transformer(in_channels=32), "transformer_2": None, "boundary_ratio": None},
                {"video": frames(5, SIDE)},
            ),
            "animation": wan_animated,
        },
    ),
    "cogvideox": Small(
        make=cogvideox,
        call=SQUARE | {"num_frames": 9},
        shape=(9, SIDE, SIDE, 3),
        routes={
            "image to video": cogvideox_wide("CogVideoXImageToVideoPipeline", image=image(SIDE)),
            "video to video": lambda _: (
                "CogVideoXVideoToVideoPipeline",
                {},
                {"video": frames(9, SIDE), "strength": 0.9, "num_inference_steps": 4, "num_frames": None},
            ),
            "control": cogvideox_wide("CogVideoXFunControlPipeline", control_video=frames(9, SIDE), num_frames=None),
        },
    ),
    "mochi": Small(make=mochi, call=SQUARE | {"num_frames": 7}, shape=(7, SIDE, SIDE, 3)),
}
