"""Small image bases whose own text encoder is a language model."""

from __future__ import annotations

from diffusers import (
    FlowMatchEulerDiscreteScheduler,
    LongCatImagePipeline,
    LongCatImageTransformer2DModel,
    LuminaNextDiT2DModel,
    LuminaPipeline,
    OvisImagePipeline,
    OvisImageTransformer2DModel,
)
from transformers import GemmaConfig, GemmaForCausalLM

from tests.builders.models.bases.parts import (
    SIDE,
    WIDTH,
    autoencoder,
    gemma_tokenizer,
    qwen3,
    qwen25_vl,
    qwen_tokenizer,
    randomise,
)
from tests.builders.models.bases.small import Small

SQUARE = {"height": SIDE, "width": SIDE, "guidance_scale": 3.0}


def lumina() -> LuminaPipeline:
    transformer = LuminaNextDiT2DModel(
        sample_size=16, patch_size=2, in_channels=4, hidden_size=16, num_layers=1, num_attention_heads=2, num_kv_heads=1,
        multiple_of=16, learn_sigma=True, cross_attention_dim=WIDTH,
    )  # fmt: skip
    config = GemmaConfig(
        vocab_size=300, head_dim=8, hidden_size=WIDTH, intermediate_size=16, num_attention_heads=2, num_hidden_layers=2,
        num_key_value_heads=1,
    )  # fmt: skip
    return LuminaPipeline(
        transformer=randomise(transformer), scheduler=FlowMatchEulerDiscreteScheduler(), vae=autoencoder(),
        text_encoder=GemmaForCausalLM(config).eval(), tokenizer=gemma_tokenizer(),
    )  # fmt: skip


def ovis_image() -> OvisImagePipeline:
    transformer = OvisImageTransformer2DModel(
        patch_size=1, in_channels=16, out_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=WIDTH, axes_dims_rope=(4, 4, 8),
    )  # fmt: skip
    return OvisImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=autoencoder(), text_encoder=qwen3(), tokenizer=qwen_tokenizer(),
        transformer=randomise(transformer),
    )  # fmt: skip


def longcat_image() -> LongCatImagePipeline:
    transformer = LongCatImageTransformer2DModel(
        patch_size=1, in_channels=64, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=WIDTH, axes_dims_rope=(4, 4, 8),
    )  # fmt: skip
    return LongCatImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=autoencoder(16), text_encoder=qwen25_vl(), tokenizer=qwen_tokenizer(),
        text_processor=None, transformer=randomise(transformer),
    )  # fmt: skip


SMALL = {
    # The pipeline assumes an autoencoder that divides the sides by 8.
    "lumina": Small(make=lumina, call=SQUARE | {"height": 4 * SIDE, "width": 4 * SIDE}),
    "ovis-image": Small(make=ovis_image, call=SQUARE),
    # The edit pipeline enlarges every image to a megapixel, which is not small; its `encode_prompt` is the same.
    "longcat-image": Small(
        make=longcat_image,
        parts=lambda: {"text_processor": None},
        call=SQUARE | {"enable_prompt_rewrite": False},
        attributes={"tokenizer_max_length": 32},
    ),
}
