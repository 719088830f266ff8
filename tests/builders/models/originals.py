"""Build small random bases for published systems (SD 1.5, SD 2.1, SDXL, PixArt-α), and a tiny QLLaMA."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    PixArtAlphaPipeline,
    PixArtTransformer2DModel,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from tokenizers import pre_tokenizers
from transformers import (
    AutoTokenizer,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    LlamaConfig,
    LlamaModel,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

WIDTH, SECOND, POOLED, INNER, ENCODER = 16, 32, 40, 24, 24
"""Widths: C of SD 1.5 and of SDXL's first encoder, C of its second encoder, P, PixArt's transformer, E."""


def save_qllama(folder: Path, tokenizer_folder: Path) -> Path:
    """Save a LLaMA without its head, which is QLLaMA for texts: causal, with the last state after the final norm."""
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    # As in LLaMA's tokenizer, `summarize:` is three tokens.
    isolated = pre_tokenizers.Split("ize", behavior="isolated")
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence([isolated, pre_tokenizers.Whitespace()])
    tokenizer.save_pretrained(folder)
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=ENCODER, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2
    )
    LlamaModel(config).eval().save_pretrained(folder)
    return folder


def save_original(name: str, folder: Path, tokenizer_folder: Path) -> Path:
    """Save a tiny base shaped like `sd15`, `sd21`, `sdxl` or `pixart`."""
    torch.manual_seed(5)
    MAKERS[name](CLIPTokenizer.from_pretrained(tokenizer_folder)).save_pretrained(folder)
    return folder


def make_text_encoder(made: type[Any], width: int, tokenizer: CLIPTokenizer) -> Any:
    return made(
        CLIPTextConfig(
            vocab_size=len(tokenizer), hidden_size=width, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
            max_position_embeddings=tokenizer.model_max_length, projection_dim=POOLED, bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
        )
    ).eval()  # fmt: skip


def vae() -> AutoencoderKL:
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3, block_out_channels=(4, 4, 8),
        layers_per_block=1, latent_channels=4, norm_num_groups=4, sample_size=32,
    )  # fmt: skip


def unet(width: int, **more: Any) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=8, layers_per_block=1, cross_attention_dim=width, norm_num_groups=4,
        **{
            "block_out_channels": (8, 16), "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"), "attention_head_dim": 2, **more,
        },
    )  # fmt: skip


def stable_diffusion(tokenizer: CLIPTokenizer, width: int, prediction: str, **more: Any) -> StableDiffusionPipeline:
    return StableDiffusionPipeline(
        vae=vae(), text_encoder=make_text_encoder(CLIPTextModel, width, tokenizer), tokenizer=tokenizer, unet=unet(width, **more),
        scheduler=DDIMScheduler(prediction_type=prediction, beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip


def sdxl(tokenizer: CLIPTokenizer, **more: Any) -> StableDiffusionXLPipeline:
    conditions = {"addition_embed_type": "text_time", "addition_time_embed_dim": 4, **more}
    return StableDiffusionXLPipeline(
        vae=vae(), text_encoder=make_text_encoder(CLIPTextModel, WIDTH, tokenizer), tokenizer=tokenizer, tokenizer_2=tokenizer,
        text_encoder_2=make_text_encoder(CLIPTextModelWithProjection, SECOND, tokenizer), scheduler=EulerDiscreteScheduler(),
        unet=unet(WIDTH + SECOND, projection_class_embeddings_input_dim=6 * 4 + POOLED, **conditions),
    )  # fmt: skip


def pixart(_: CLIPTokenizer) -> PixArtAlphaPipeline:
    tokenizer = T5Tokenizer(
        vocab=[("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -9.0), *((f"▁{c}", -3.0) for c in "abcdefgh")]
    )
    text = T5Config(vocab_size=len(tokenizer) + 8, d_model=20, d_kv=4, d_ff=16, num_layers=1, num_heads=2)
    transformer = PixArtTransformer2DModel(
        num_attention_heads=3, attention_head_dim=INNER // 3, in_channels=4, out_channels=8, num_layers=2, sample_size=8,
        cross_attention_dim=INNER, caption_channels=20, norm_num_groups=4,
    )  # fmt: skip
    return PixArtAlphaPipeline(
        tokenizer=tokenizer, text_encoder=T5EncoderModel(text).eval(), vae=vae(), transformer=transformer,
        scheduler=DPMSolverMultistepScheduler(),
    )  # fmt: skip


MAKERS: dict[str, Callable[[CLIPTokenizer], Any]] = {
    "sd15": lambda tokenizer: stable_diffusion(tokenizer, WIDTH, "epsilon"),
    "sd21": lambda tokenizer: stable_diffusion(
        tokenizer, SECOND, "v_prediction", use_linear_projection=True, attention_head_dim=(2, 4)
    ),
    "sdxl": sdxl,
    "pixart": pixart,
}
