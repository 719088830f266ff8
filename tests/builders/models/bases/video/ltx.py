"""Small bases of LTX and LTX-2."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import (
    AutoencoderKLLTX2Audio,
    AutoencoderKLLTX2Video,
    AutoencoderKLLTXVideo,
    FlowMatchEulerDiscreteScheduler,
    LTX2Pipeline,
    LTX2VideoTransformer3DModel,
    LTXPipeline,
    LTXVideoTransformer3DModel,
)
from diffusers.pipelines.ltx2 import LTX2TextConnectors, LTX2VideoCondition, LTX2Vocoder
from diffusers.pipelines.ltx2.pipeline_ltx2_hdr_lora import LTX2HDRReferenceCondition
from transformers import Gemma3Config, Gemma3ForConditionalGeneration

from tests.builders.models.bases.parts import WIDTH, gemma_tokenizer, image, randomise, t5, t5_tokenizer
from tests.builders.models.bases.small import Small

SIDE = 32
SQUARE = {"height": SIDE, "width": SIDE, "num_frames": 5, "max_sequence_length": 16}


def ltx_autoencoder() -> AutoencoderKLLTXVideo:
    return AutoencoderKLLTXVideo(
        latent_channels=8, block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4, layers_per_block=(1,) * 5,
        decoder_layers_per_block=(1,) * 5, spatio_temporal_scaling=(True, True, False, False),
        decoder_spatio_temporal_scaling=(True, True, False, False), decoder_inject_noise=(False,) * 5,
        upsample_residual=(False,) * 4, upsample_factor=(1,) * 4, timestep_conditioning=False, patch_size=1, patch_size_t=1,
        encoder_causal=True, decoder_causal=False,
    )  # fmt: skip


def ltx() -> LTXPipeline:
    transformer = LTXVideoTransformer3DModel(
        in_channels=8, out_channels=8, num_attention_heads=2, attention_head_dim=8, cross_attention_dim=16, num_layers=1,
        caption_channels=WIDTH,
    )  # fmt: skip
    return LTXPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=ltx_autoencoder(), text_encoder=t5(), tokenizer=t5_tokenizer(),
        transformer=randomise(transformer),
    )  # fmt: skip


def gemma3() -> Gemma3ForConditionalGeneration:
    text = {
        "vocab_size": 300, "hidden_size": WIDTH, "intermediate_size": 16, "num_hidden_layers": 2, "head_dim": 8,
        "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 600,
    }  # fmt: skip
    vision = {
        "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "image_size": 8, "patch_size": 4,
    }  # fmt: skip
    config = Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=4, image_token_index=299)
    return Gemma3ForConditionalGeneration(config).eval()


def ltx2() -> LTX2Pipeline:
    encoder = gemma3()
    transformer = LTX2VideoTransformer3DModel(
        in_channels=4, out_channels=4, num_attention_heads=2, attention_head_dim=8, cross_attention_dim=16, audio_in_channels=4,
        audio_out_channels=4, audio_num_attention_heads=2, audio_attention_head_dim=4, audio_cross_attention_dim=8, num_layers=1,
        caption_channels=WIDTH, rope_double_precision=False, rope_type="split",
    )  # fmt: skip
    heads = {"num_attention_heads": 2, "attention_head_dim": 8, "num_layers": 1, "num_learnable_registers": 8}
    connectors = LTX2TextConnectors(
        caption_channels=WIDTH, text_proj_in_factor=encoder.config.text_config.num_hidden_layers + 1,
        connector_rope_base_seq_len=32, rope_double_precision=False, rope_type="split",
        **{f"{part}_connector_{name}": value for part in ("video", "audio") for name, value in heads.items()},
    )  # fmt: skip
    vae = AutoencoderKLLTX2Video(
        latent_channels=4, block_out_channels=(8,), decoder_block_out_channels=(8,), layers_per_block=(1,),
        decoder_layers_per_block=(1, 1), spatio_temporal_scaling=(True,), decoder_spatio_temporal_scaling=(True,),
        decoder_inject_noise=(False, False), downsample_type=("spatial",), upsample_residual=(False,), upsample_factor=(1,),
        timestep_conditioning=False, patch_size=1, patch_size_t=1, encoder_causal=True, decoder_causal=False,
    )  # fmt: skip
    audio = AutoencoderKLLTX2Audio(
        base_channels=4, output_channels=2, ch_mult=(1,), num_res_blocks=1, in_channels=2, resolution=32, latent_channels=2,
        norm_type="pixel", mid_block_add_attention=False, mel_bins=8,
    )  # fmt: skip
    vocoder = LTX2Vocoder(
        in_channels=16, hidden_channels=32, out_channels=2, upsample_kernel_sizes=[4, 4], upsample_factors=[2, 2],
        resnet_kernel_sizes=[3], resnet_dilations=[[1, 3, 5]], output_sampling_rate=16000,
    )  # fmt: skip
    return LTX2Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=vae, audio_vae=audio, text_encoder=encoder, tokenizer=gemma_tokenizer(),
        connectors=connectors, transformer=randomise(transformer), vocoder=vocoder,
    )  # fmt: skip


PLAIN = {
    "stg_scale": 0.0, "modality_scale": 1.0, "guidance_rescale": 0.0, "audio_guidance_scale": 1.0, "audio_stg_scale": 0.0,
    "audio_modality_scale": 1.0, "audio_guidance_rescale": 0.0, "spatio_temporal_guidance_blocks": None, "use_cross_timestep": False,
}  # fmt: skip
"""LTX-2's further kinds of guidance switched off, which small layers do not have."""
AUDIO = [name for name in PLAIN if name.startswith("audio")]


def conditioned(name: str, **call: Any) -> Any:
    """Return the route to a class that takes frames as conditions."""
    given = LTX2VideoCondition(frames=torch.zeros(1, 3, SIDE, SIDE), index=0, strength=1.0, crf=0)
    return lambda _: (name, {}, {"conditions": given, **call})


def in_high_dynamic_range(_: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    given = LTX2HDRReferenceCondition(frames=torch.zeros(1, 3, SIDE, SIDE), strength=1.0)
    return "LTX2HDRPipeline", {}, {**dict.fromkeys(AUDIO), "reference_conditions": given, "use_cross_timestep": False}


def from_keyframes(_: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    left_out = [*PLAIN, "num_inference_steps", "guidance_scale"]
    given = {"sigmas": [1.0, 0.5], "use_cross_timestep": False, "generate_slots": False}
    return "LTX2DFRPipeline", {}, {**dict.fromkeys(left_out), **given}


SMALL = {
    "ltx": Small(
        make=ltx,
        call=SQUARE | {"guidance_scale": 3.0},
        shape=(5, SIDE, SIDE, 3),
        routes={
            "image to video": lambda _: ("LTXImageToVideoPipeline", {}, {"image": image(SIDE)}),
            "conditions": lambda _: ("LTXConditionPipeline", {}, {"image": image(SIDE)}),
            "several prompts": lambda _: (
                "LTXI2VLongMultiPromptPipeline",
                {},
                {"num_frames": 17, "temporal_tile_size": 16, "temporal_overlap": 8, "shape": (21, SIDE, SIDE, 3)},
            ),
        },
    ),
    # LTX2DFRTemporalRefinePipeline refines latents of LTX2DFRPipeline, whose `encode_prompt` it has.
    "ltx2": Small(
        make=ltx2,
        call=SQUARE | PLAIN,
        guided={"guidance_scale": 3.0},
        shape=(5, SIDE, SIDE, 3),
        routes={
            "image to video": lambda _: (
                "LTX2ImageToVideoPipeline",
                {},
                {"image": torch.zeros(1, 3, SIDE, SIDE), "image_crf": 0},
            ),
            "conditions": conditioned("LTX2ConditionPipeline"),
            "in context": conditioned("LTX2InContextPipeline"),
            "high dynamic range": in_high_dynamic_range,
            "keyframes": from_keyframes,
        },
    ),
}
