"""Write the configurations of Stable Diffusion 1.5 and XL and of XLM-R-large, as published, without weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, CLIPTextConfig, CLIPTokenizer, XLMRobertaConfig

VAE: dict[str, Any] = {
    "_class_name": "AutoencoderKL", "block_out_channels": [128, 256, 512, 512], "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4, "in_channels": 3, "out_channels": 3, "latent_channels": 4, "layers_per_block": 2,
    "norm_num_groups": 32, "act_fn": "silu",
}  # fmt: skip
SCHEDULER: dict[str, Any] = {
    "_class_name": "DDIMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000, "prediction_type": "epsilon", "clip_sample": False, "steps_offset": 1,
}  # fmt: skip
UNET: dict[str, Any] = {
    "_class_name": "UNet2DConditionModel", "act_fn": "silu", "in_channels": 4, "out_channels": 4, "layers_per_block": 2,
    "norm_num_groups": 32, "center_input_sample": False, "flip_sin_to_cos": True, "freq_shift": 0,
}  # fmt: skip
CLIP_L = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "projection_dim": 768,
}
BIG_G = {
    "hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20, "projection_dim": 1280,
    "hidden_act": "gelu",
}  # fmt: skip


def save_sd15(folder: Path, tokenizer: CLIPTokenizer) -> Path:
    """Write the configurations of Stable Diffusion 1.5: 860M parameters in the UNet."""
    unet = {
        **UNET, "sample_size": 64, "block_out_channels": [320, 640, 1280, 1280], "attention_head_dim": 8, "cross_attention_dim": 768,
        "down_block_types": [*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"], "up_block_types": ["UpBlock2D", *["CrossAttnUpBlock2D"] * 3],
    }  # fmt: skip
    vae = {**VAE, "sample_size": 512, "scaling_factor": 0.18215}
    parts = {"unet": ("diffusers", unet), "vae": ("diffusers", vae), "scheduler": ("diffusers", SCHEDULER)}
    index = {"safety_checker": [None, None], "feature_extractor": [None, None], "requires_safety_checker": False}
    return _save(folder, "StableDiffusionPipeline", parts, [("CLIPTextModel", CLIP_L)], tokenizer, index)


def save_sdxl(folder: Path, tokenizer: CLIPTokenizer) -> Path:
    """Write the configurations of Stable Diffusion XL 1.0: 2,567M parameters in the UNet, at 1024 px."""
    unet = {
        **UNET, "sample_size": 128, "block_out_channels": [320, 640, 1280], "attention_head_dim": [5, 10, 20],
        "cross_attention_dim": 2048, "transformer_layers_per_block": [1, 2, 10], "use_linear_projection": True,
        "addition_embed_type": "text_time", "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816,
        "down_block_types": ["DownBlock2D", *["CrossAttnDownBlock2D"] * 2], "up_block_types": [*["CrossAttnUpBlock2D"] * 2, "UpBlock2D"],
    }  # fmt: skip
    vae = {**VAE, "sample_size": 1024, "scaling_factor": 0.13025, "force_upcast": True}
    parts = {"unet": ("diffusers", unet), "vae": ("diffusers", vae), "scheduler": ("diffusers", SCHEDULER)}
    encoders: list[tuple[str, dict[str, Any]]] = [("CLIPTextModel", CLIP_L), ("CLIPTextModelWithProjection", BIG_G)]
    return _save(
        folder, "StableDiffusionXLPipeline", parts, encoders, tokenizer, {"force_zeros_for_empty_prompt": True}
    )


def _save(
    folder: Path,
    pipeline: str,
    parts: dict[str, tuple[str, dict[str, Any]]],
    encoders: list[tuple[str, dict[str, Any]]],
    tokenizer: CLIPTokenizer,
    index: dict[str, Any],
) -> Path:
    index = {"_class_name": pipeline, **index}
    for name, (library, settings) in parts.items():
        index[name] = [library, settings["_class_name"]]
        _write(folder / name / ("scheduler_config.json" if name == "scheduler" else "config.json"), settings)
    for place, (made, sizes) in enumerate(encoders, start=1):
        suffix = "" if place == 1 else f"_{place}"
        index |= {
            f"text_encoder{suffix}": ["transformers", made],
            f"tokenizer{suffix}": ["transformers", "CLIPTokenizer"],
        }
        CLIPTextConfig(vocab_size=49408, max_position_embeddings=77, architectures=[made], **sizes).save_pretrained(
            folder / f"text_encoder{suffix}"
        )
        tokenizer.save_pretrained(folder / f"tokenizer{suffix}")
    _write(folder / "model_index.json", index)
    return folder


def save_xlm_r_large(folder: Path, tokenizer_folder: Path) -> Path:
    """Write the configuration of XLM-R-large, 560M parameters, with another tokenizer."""
    AutoTokenizer.from_pretrained(tokenizer_folder).save_pretrained(folder)
    XLMRobertaConfig(
        vocab_size=250_002, hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16,
        max_position_embeddings=514, type_vocab_size=1, pad_token_id=1, architectures=["XLMRobertaModel"],
    ).save_pretrained(folder)  # fmt: skip
    return folder


def _write(path: Path, settings: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(settings), encoding="utf-8")
