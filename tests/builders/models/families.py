"""Build a small random base of every family with the real classes, and a module that fits it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AltDiffusionPipeline,
    AutoencoderDC,
    AutoencoderKL,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    PixArtSigmaPipeline,
    SanaPipeline,
    SanaTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
)
from diffusers.pipelines.deprecated.alt_diffusion.modeling_roberta_series import (
    RobertaSeriesConfig,
    RobertaSeriesModelWithTransformation,
)
from transformers import (
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    Gemma2Config,
    Gemma2Model,
    GemmaTokenizer,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
    XLMRobertaTokenizer,
)

from hub.systems.architectures import build
from hub.weights.strict import save_weights
from tests.builders.models.originals import (
    INNER,
    POOLED,
    SECOND,
    WIDTH,
    make_text_encoder,
    pixart,
    sdxl,
    stable_diffusion,
    unet,
    vae,
)
from tests.builders.models.tiny import ENCODER_WIDTH, clip_tokenizer, make_encoder

T5_WIDTH, JOINT, GEMMA_WIDTH = 20, 80, 28
"""Widths of the T5 encoders of PixArt and of SD3 and FLUX, and of Sana's Gemma."""
TOKENS = 12
"""Tokens that a module returns."""
ONE_BLOCK: dict[str, Any] = {
    "block_out_channels": (16,), "down_block_types": ("CrossAttnDownBlock2D",), "up_block_types": ("CrossAttnUpBlock2D",),
}  # fmt: skip
"""Settings of a U-Net with one block down and one up: the time of a small one is that of its layers, not of its numbers."""


@dataclass(frozen=True)
class Base:
    """How to build a family's small base, and the required output of its module."""

    make: Callable[[CLIPTokenizer], Any]
    architecture: str
    width: int
    pooled: int | None = None
    mask: bool = False
    length: int = 8
    """Tokens of the base's own text encoder."""


def t5_tokenizer() -> T5Tokenizer:
    words = [
        ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -9.0), ("▁", -2.0), *((c, -3.0) for c in "abcdefghijklmnopqrstuvwxyz"),
    ]  # fmt: skip
    return T5Tokenizer(vocab=words, model_max_length=16)


def t5(width: int) -> T5EncoderModel:
    config = T5Config(vocab_size=160, d_model=width, d_kv=4, d_ff=16, num_layers=1, num_heads=2)
    return T5EncoderModel(config).eval()


def wide_vae(channels: int = 4) -> AutoencoderKL:
    """Return an autoencoder like that of SD3 and FLUX, whose latents are also shifted."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2, block_out_channels=(4, 4),
        layers_per_block=1, latent_channels=channels, norm_num_groups=4, sample_size=32, shift_factor=0.06, scaling_factor=1.5,
        use_quant_conv=False, use_post_quant_conv=False,
    )  # fmt: skip


def pixart_sigma(tokenizer: CLIPTokenizer) -> PixArtSigmaPipeline:
    parts = pixart(tokenizer).components
    return PixArtSigmaPipeline(**parts | {"tokenizer": t5_tokenizer(), "text_encoder": t5(T5_WIDTH)})


def stable_diffusion_3(tokenizer: CLIPTokenizer) -> StableDiffusion3Pipeline:
    transformer = SD3Transformer2DModel(
        sample_size=16, patch_size=2, in_channels=16, out_channels=16, num_layers=2, attention_head_dim=8, num_attention_heads=2,
        joint_attention_dim=JOINT, caption_projection_dim=16, pooled_projection_dim=2 * POOLED, pos_embed_max_size=16,
    )  # fmt: skip
    return StableDiffusion3Pipeline(
        transformer=transformer, scheduler=FlowMatchEulerDiscreteScheduler(), vae=wide_vae(16), tokenizer=tokenizer,
        text_encoder=make_text_encoder(CLIPTextModelWithProjection, WIDTH, tokenizer), tokenizer_2=tokenizer,
        text_encoder_2=make_text_encoder(CLIPTextModelWithProjection, SECOND, tokenizer), tokenizer_3=t5_tokenizer(),
        text_encoder_3=t5(JOINT),
    )  # fmt: skip


def flux(tokenizer: CLIPTokenizer) -> FluxPipeline:
    transformer = FluxTransformer2DModel(
        patch_size=1, in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=JOINT, pooled_projection_dim=WIDTH, axes_dims_rope=(4, 4, 8), guidance_embeds=True,
    )  # fmt: skip
    return FluxPipeline(
        transformer=transformer, scheduler=FlowMatchEulerDiscreteScheduler(), vae=wide_vae(), tokenizer=tokenizer,
        text_encoder=make_text_encoder(CLIPTextModel, WIDTH, tokenizer), tokenizer_2=t5_tokenizer(), text_encoder_2=t5(JOINT),
    )  # fmt: skip


def sana(_: CLIPTokenizer) -> SanaPipeline:
    letters = [f"<0x{byte:02X}>" for byte in range(256)]
    pieces = ["<pad>", "<eos>", "<bos>", "<unk>", *letters, "▁", *"abcdefghijklmnopqrstuvwxyz"]
    tokenizer = GemmaTokenizer(vocab={piece: place for place, piece in enumerate(pieces)}, merges=[])
    config = Gemma2Config(
        vocab_size=len(tokenizer) + 4, hidden_size=GEMMA_WIDTH, intermediate_size=32, num_hidden_layers=2, head_dim=8,
        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=600,
    )  # fmt: skip
    transformer = SanaTransformer2DModel(
        in_channels=4, out_channels=4, num_attention_heads=2, attention_head_dim=8, num_layers=1, num_cross_attention_heads=2,
        cross_attention_head_dim=8, cross_attention_dim=16, caption_channels=GEMMA_WIDTH, sample_size=32,
    )  # fmt: skip
    autoencoder = AutoencoderDC(
        latent_channels=4, attention_head_dim=2, encoder_block_types=("ResBlock", "EfficientViTBlock"),
        decoder_block_types=("ResBlock", "EfficientViTBlock"), encoder_block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8), encoder_qkv_multiscales=((), (5,)), decoder_qkv_multiscales=((), (5,)),
        encoder_layers_per_block=(1, 1), decoder_layers_per_block=(1, 1), downsample_block_type="conv",
        upsample_block_type="interpolate", decoder_norm_types="rms_norm", decoder_act_fns="silu", scaling_factor=0.41407,
    )  # fmt: skip
    return SanaPipeline(
        tokenizer=tokenizer, text_encoder=Gemma2Model(config).eval(), vae=autoencoder, transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    )  # fmt: skip


def altdiffusion(_: CLIPTokenizer) -> AltDiffusionPipeline:
    """Return a pipeline with m18's readout, `transformation_pre(pre_LN(hidden_states[-2]))`."""
    words = [(piece, 0.0) for piece in ("<s>", "<pad>", "</s>", "<unk>", "▁")]
    tokenizer = XLMRobertaTokenizer(
        vocab=[*words, *((letter, -3.0) for letter in "abcdefghijklmnopqrstuvwxyz")], model_max_length=16
    )
    config = RobertaSeriesConfig(
        vocab_size=len(tokenizer), hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=20, type_vocab_size=1, project_dim=WIDTH, has_pre_transformation=True,
    )  # fmt: skip
    return AltDiffusionPipeline(
        vae=vae(), text_encoder=RobertaSeriesModelWithTransformation(config).eval(), tokenizer=tokenizer, unet=unet(WIDTH, **ONE_BLOCK),
        scheduler=DDIMScheduler(), safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip


BASES = {
    "stable-diffusion": Base(
        lambda each: stable_diffusion(each, WIDTH, "epsilon", **ONE_BLOCK), "projector", WIDTH, length=16
    ),
    "stable-diffusion-xl": Base(lambda each: sdxl(each, **ONE_BLOCK), "projector", WIDTH + SECOND, POOLED, length=16),
    "stable-diffusion-3": Base(stable_diffusion_3, "projector", JOINT, 2 * POOLED, length=16 + 256),
    "pixart": Base(pixart_sigma, "caption-projection", INNER, mask=True, length=300),
    "flux": Base(flux, "projector", JOINT, WIDTH, length=512),
    "sana": Base(sana, "caption-projection", GEMMA_WIDTH, mask=True, length=300),
    "altdiffusion": Base(altdiffusion, "transformation", WIDTH, length=16),
}
"""Family → how to build its small base."""
WIDE = 64
"""Columns that fill a 4-bit block, in encoders and denoisers that are built small."""
WIDER: dict[str, dict[str, Any]] = {
    "stable-diffusion": {"block_out_channels": (WIDE,)},
    "stable-diffusion-xl": {"block_out_channels": (WIDE,)},
    "stable-diffusion-3": {"attention_head_dim": WIDE // 2, "caption_projection_dim": WIDE},
    "pixart": {"attention_head_dim": WIDE // 2, "num_attention_heads": 2, "cross_attention_dim": WIDE},
    "flux": {"attention_head_dim": WIDE // 2, "axes_dims_rope": (8, 12, 12)},
    "sana": {"attention_head_dim": WIDE // 2, "cross_attention_head_dim": WIDE // 2, "cross_attention_dim": WIDE},
    "altdiffusion": {"block_out_channels": (WIDE,)},
}
"""Family → settings that differ in its wide denoiser."""


def base_of(family: str, *, is_wide: bool) -> Base:
    """Return the family's base; PixArt's module replaces a projection to the denoiser's width."""
    return replace(BASES[family], width=WIDE) if is_wide and family == "pixart" else BASES[family]


def save_base(family: str, folder: Path, *, is_wide: bool = False) -> Path:
    """Save the family's small base to `folder`, with the same weights each time."""
    torch.manual_seed(5)
    pipe = BASES[family].make(clip_tokenizer())
    if is_wide:
        name = "unet" if hasattr(pipe, "unet") else "transformer"
        narrow = getattr(pipe, name)
        pipe.register_modules(**{name: type(narrow).from_config({**narrow.config, **WIDER[family]})})
    pipe.save_pretrained(folder)
    return folder


def save_encoder(folder: Path, *, is_wide: bool = False) -> Path:
    """Save a small XLM-R."""
    return make_encoder(folder, seed=1, width=WIDE if is_wide else ENCODER_WIDTH)


def save_module(family: str, folder: Path, encoder: Path, *, is_wide: bool = False) -> Path:
    """Save a module with one variant that fits the family's small base."""
    from hub.loader.sources import digest_of

    base = base_of(family, is_wide=is_wide)
    sizes: dict[str, Any] = {"in_width": WIDE if is_wide else ENCODER_WIDTH, "out_width": base.width}
    if base.architecture == "projector":
        sizes |= {"hidden_width": 16, "pooled_width": base.pooled}
    config = {
        "format": 1, "kind": "adapter", "method": "pea", "architecture": base.architecture, "module": sizes,
        "base": {"name": f"linguahub/{family}", "digest": ""},
        "encoder": {"name": "linguahub/tiny-xlmr", "digest": digest_of(encoder), "readout": "last_hidden_state"},
        "conditioning": {"width": base.width, "length": TOKENS, "pooled_width": base.pooled, "mask": base.mask},
        "prompt": {"prefix": "", "drop": [], "length": TOKENS}, "languages": ["yo"], "run": {}, "parent": "",
    }  # fmt: skip
    torch.manual_seed(2)
    variant = folder / family
    module = build(base.architecture, sizes)
    for value in module.parameters():
        value.data.mul_(3)  # larger than at initialisation, so that tiny images differ by more than rounding
    save_weights(module, variant / "model.safetensors")
    (variant / "config.json").write_text(json.dumps(config))
    return folder
