"""Small bases of the families in `hub/bases/families/streams` with several encoders: Hunyuan's and HiDream."""

from __future__ import annotations

from typing import Any

from diffusers import (
    AdaptiveProjectedMixGuidance,
    AutoencoderKLHunyuanImage,
    AutoencoderKLHunyuanImageRefiner,
    DDPMScheduler,
    FlowMatchEulerDiscreteScheduler,
    HiDreamImagePipeline,
    HiDreamImageTransformer2DModel,
    HunyuanDiT2DControlNetModel,
    HunyuanDiT2DModel,
    HunyuanDiTPipeline,
    HunyuanImagePipeline,
    HunyuanImageRefinerPipeline,
    HunyuanImageTransformer2DModel,
)
from transformers import (
    BertConfig,
    BertModel,
    BertTokenizer,
    ByT5Tokenizer,
    CLIPTextConfig,
    CLIPTextModelWithProjection,
    LlamaConfig,
    LlamaForCausalLM,
    T5Config,
    T5EncoderModel,
)

from tests.builders.models.bases.joint_attention import SQUARE
from tests.builders.models.bases.parts import (
    LETTERS,
    SIDE,
    WIDTH,
    autoencoder,
    image,
    qwen25_vl,
    qwen_tokenizer,
    randomise,
    t5,
    t5_tokenizer,
)
from tests.builders.models.bases.small import Small
from tests.builders.models.tiny import clip_tokenizer

GLYPHS = 12
"""Width of ByT5."""


def hunyuan_image_transformer(
    patch: tuple[int, ...], channels: int, out: int, **more: Any
) -> HunyuanImageTransformer2DModel:
    made = HunyuanImageTransformer2DModel(
        in_channels=channels, out_channels=out, num_attention_heads=2, attention_head_dim=8, num_layers=1, num_single_layers=1,
        num_refiner_layers=1, patch_size=patch, text_embed_dim=WIDTH, **more,
    )  # fmt: skip
    return randomise(made).eval()


def hunyuan_image() -> HunyuanImagePipeline:
    vae = AutoencoderKLHunyuanImage(
        in_channels=3, out_channels=3, latent_channels=4, block_out_channels=(32, 32), layers_per_block=1, scaling_factor=0.5,
        spatial_compression_ratio=2, sample_size=SIDE,
    )  # fmt: skip
    transformer = hunyuan_image_transformer(
        (1, 1), 4, 4, guidance_embeds=False, text_embed_2_dim=GLYPHS, rope_axes_dim=(4, 4)
    )
    config = T5Config(vocab_size=384, d_model=GLYPHS, d_kv=4, d_ff=16, num_layers=1, num_heads=2)
    return HunyuanImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0), vae=vae, text_encoder=qwen25_vl(), tokenizer=qwen_tokenizer(),
        text_encoder_2=T5EncoderModel(config).eval(), tokenizer_2=ByT5Tokenizer(), transformer=transformer,
        guider=AdaptiveProjectedMixGuidance(), ocr_guider=AdaptiveProjectedMixGuidance(),
    )  # fmt: skip


def hunyuan_image_refiner() -> HunyuanImageRefinerPipeline:
    vae = AutoencoderKLHunyuanImageRefiner(
        latent_channels=4, block_out_channels=(16, 16), layers_per_block=1, spatial_compression_ratio=2,
        temporal_compression_ratio=1,
    )  # fmt: skip
    return HunyuanImageRefinerPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=4.0), vae=vae, text_encoder=qwen25_vl(), tokenizer=qwen_tokenizer(),
        transformer=hunyuan_image_transformer((1, 1, 1), 16, 8, guidance_embeds=True, rope_axes_dim=(4, 2, 2)),
    )  # fmt: skip


def hunyuan_dit() -> HunyuanDiTPipeline:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [*special, *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    tokenizer = BertTokenizer(vocab={piece: place for place, piece in enumerate(pieces)}, model_max_length=77)
    config = BertConfig(
        vocab_size=60, hidden_size=WIDTH, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=80,
    )  # fmt: skip
    transformer = HunyuanDiT2DModel(
        sample_size=16, num_layers=2, patch_size=2, attention_head_dim=8, num_attention_heads=3, in_channels=4,
        cross_attention_dim=WIDTH, cross_attention_dim_t5=24, pooled_projection_dim=16, hidden_size=24,
    )  # fmt: skip
    return HunyuanDiTPipeline(
        vae=autoencoder(halvings=3), text_encoder=BertModel(config).eval(), tokenizer=tokenizer, transformer=randomise(transformer).eval(),
        scheduler=DDPMScheduler(), safety_checker=None, feature_extractor=None, requires_safety_checker=False,
        text_encoder_2=t5(24), tokenizer_2=t5_tokenizer(256),
    )  # fmt: skip


def hunyuan_dit_control(pipe: Any) -> Any:
    """Return the route to a ControlNet, whose zero projections are filled."""
    config = pipe.transformer.config
    net = HunyuanDiT2DControlNetModel(transformer_num_layers=2, **{name: config[name] for name in HUNYUAN_DIT_SIZES})
    return "HunyuanDiTControlNetPipeline", {"controlnet": randomise(net).eval()}, {"control_image": image()}


HUNYUAN_DIT_SIZES = (
    "sample_size", "patch_size", "attention_head_dim", "num_attention_heads", "in_channels", "cross_attention_dim",
    "cross_attention_dim_t5", "pooled_projection_dim", "hidden_size",
)  # fmt: skip


def hunyuan_dit_pag(_: Any) -> Any:
    """Return the route to perturbed attention guidance."""
    return "HunyuanDiTPAGPipeline", {"pag_applied_layers": ["blocks.1"]}, {"pag_scale": 2.0}


def hidream() -> HiDreamImagePipeline:
    transformer = HiDreamImageTransformer2DModel(
        patch_size=2, in_channels=4, out_channels=4, num_layers=1, num_single_layers=2, attention_head_dim=8,
        num_attention_heads=4, caption_channels=[WIDTH, 12], text_emb_dim=64, num_routed_experts=4, num_activated_experts=2,
        axes_dims_rope=(4, 2, 2), max_resolution=(32, 32), llama_layers=(0, 1, 1),
    )  # fmt: skip
    clip = CLIPTextConfig(
        vocab_size=520, hidden_size=32, intermediate_size=16, num_attention_heads=2, num_hidden_layers=1, projection_dim=32,
        max_position_embeddings=128, bos_token_id=512, eos_token_id=513,
    )  # fmt: skip
    llama = LlamaConfig(
        vocab_size=300, hidden_size=12, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=6,
    )  # fmt: skip
    return HiDreamImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=autoencoder(),
        text_encoder=CLIPTextModelWithProjection(clip).eval(), tokenizer=clip_tokenizer(),
        text_encoder_2=CLIPTextModelWithProjection(clip).eval(), tokenizer_2=clip_tokenizer(),
        text_encoder_3=t5(), tokenizer_3=t5_tokenizer(), text_encoder_4=LlamaForCausalLM(llama).eval(),
        tokenizer_4=qwen_tokenizer(), transformer=randomise(transformer).eval(),
    )  # fmt: skip


SHORT = {"tokenizer_max_length": 200, "tokenizer_2_max_length": 16}
"""Room for a template and a prompt in bytes, and for a word as a glyph, whose projection is 2048 wide."""
SIZE = {"height": SIDE, "width": SIDE}
SMALL = {
    "hunyuan-image": Small(make=hunyuan_image, call=SIZE, attributes=SHORT),
    "hunyuan-image-refiner": Small(
        make=hunyuan_image_refiner, call=SIZE | {"image": image()}, attributes=SHORT, guided=None
    ),
    "hunyuan-dit": Small(
        make=hunyuan_dit,
        call=SQUARE | {"use_resolution_binning": False},
        routes={"ControlNet": hunyuan_dit_control, "PAG": hunyuan_dit_pag},
    ),
    "hidream": Small(
        make=hidream, call=SQUARE | {"max_sequence_length": 32}, attributes={"default_sample_size": SIDE // 2}
    ),
}
