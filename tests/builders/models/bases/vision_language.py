"""Small bases whose text encoders are Qwen's vision-language models, Ministral or SmolLM3, in `families/streams` and elsewhere."""

from __future__ import annotations

from typing import Any

from diffusers import (
    AutoencoderKLHunyuanVideo,
    AutoencoderKLQwenImage21,
    AutoencoderKLWan,
    BriaFibo2Pipeline,
    BriaFibo2Transformer2DModel,
    BriaFiboPipeline,
    BriaFiboTransformer2DModel,
    ErnieImagePipeline,
    ErnieImageTransformer2DModel,
    FlowMatchEulerDiscreteScheduler,
    Ideogram4Pipeline,
    Ideogram4Transformer2DModel,
    Kandinsky5T2IPipeline,
    Kandinsky5Transformer3DModel,
    Krea2Pipeline,
    Krea2Transformer2DModel,
    NucleusMoEImagePipeline,
    NucleusMoEImageTransformer2DModel,
    QwenImage21Pipeline,
    QwenImage21Transformer2DModel,
)
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    Mistral3Config,
    Mistral3Model,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLModel,
    SmolLM3Config,
    SmolLM3ForCausalLM,
)

from tests.builders.models.bases.joint_attention import SQUARE, flux2_autoencoder, qwen_autoencoder
from tests.builders.models.bases.parts import (
    SIDE,
    WIDTH,
    autoencoder,
    image,
    mistral3_config,
    qwen25_vl,
    qwen_tokenizer,
    randomise,
)
from tests.builders.models.bases.processors import qwen_processor
from tests.builders.models.bases.small import Small
from tests.builders.models.tiny import clip_tokenizer


def qwen3_vl(layers: int = 2, *, width: int = WIDTH, head: bool = True) -> Any:
    """Return a small Qwen3-VL, with its language model's head or without."""
    text = {
        "vocab_size": 300, "hidden_size": width, "intermediate_size": 16, "num_hidden_layers": layers,
        "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8,
        "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0},
    }  # fmt: skip
    vision = {
        "depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": width, "patch_size": 16,
        "num_position_embeddings": 16, "deepstack_visual_indexes": [],
    }  # fmt: skip
    ids = {"image_token_id": 261, "vision_start_token_id": 259, "vision_end_token_id": 260, "video_token_id": 299}
    config = Qwen3VLConfig(text_config=text, vision_config=vision, **ids)
    return (Qwen3VLForConditionalGeneration if head else Qwen3VLModel)(config).eval()


def krea2() -> Krea2Pipeline:
    transformer = Krea2Transformer2DModel(
        in_channels=16, num_layers=2, attention_head_dim=8, num_attention_heads=4, num_key_value_heads=2, intermediate_size=32,
        timestep_embed_dim=8, text_hidden_dim=WIDTH, num_text_layers=3, text_num_attention_heads=2,
        text_num_key_value_heads=1, text_intermediate_size=16, num_layerwise_text_blocks=1, num_refiner_text_blocks=1,
        axes_dims_rope=(4, 2, 2), rope_theta=1000.0,
    )  # fmt: skip
    return Krea2Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True), vae=qwen_autoencoder(),
        text_encoder=qwen3_vl(head=False), tokenizer=qwen_tokenizer(), transformer=randomise(transformer).eval(),
        text_encoder_select_layers=(0, 1, 2),
    )  # fmt: skip


def kandinsky5_transformer(*, edits: bool = False) -> Kandinsky5Transformer3DModel:
    made = Kandinsky5Transformer3DModel(
        in_visual_dim=4, in_text_dim=WIDTH, in_text_dim2=12, time_dim=16, out_visual_dim=4, patch_size=(1, 2, 2), model_dim=16,
        ff_dim=32, num_text_blocks=1, num_visual_blocks=2, axes_dims=(1, 1, 2), visual_cond=edits,
    )  # fmt: skip
    return randomise(made).eval()


def kandinsky5() -> Kandinsky5T2IPipeline:
    clip = CLIPTextConfig(
        vocab_size=520, hidden_size=12, intermediate_size=16, num_attention_heads=2, num_hidden_layers=1,
        max_position_embeddings=77, bos_token_id=512, eos_token_id=513,
    )  # fmt: skip
    return Kandinsky5T2IPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0), vae=autoencoder(halvings=3), text_encoder=qwen25_vl(),
        tokenizer=qwen_processor(), text_encoder_2=CLIPTextModel(clip).eval(), tokenizer_2=clip_tokenizer(),
        transformer=kandinsky5_transformer(),
    )  # fmt: skip


def kandinsky5_edit(_: Any) -> Any:
    """Return the route to editing, whose transformer reads an image beside the latents."""
    return "Kandinsky5I2IPipeline", {"transformer": kandinsky5_transformer(edits=True)}, {"image": image()}


def kandinsky5_video(_: Any) -> Any:
    """Return the route to videos."""
    return "Kandinsky5T2VPipeline", {"vae": video_autoencoder()}, VIDEO


def kandinsky5_animate(pipe: Any) -> Any:
    """Return the route from an image to a video; it normalises four frames of latents by those that follow."""
    parts = {"vae": video_autoencoder(), "transformer": kandinsky5_transformer(edits=True)}
    return "Kandinsky5I2VPipeline", parts, VIDEO | {"image": image(), "num_frames": 17, "shape": (17, SIDE, SIDE, 3)}


VIDEO = {"num_frames": 5, "shape": (5, SIDE, SIDE, 3), "guidance_scale": 1.0, "num_inference_steps": 1}


def video_autoencoder() -> AutoencoderKLHunyuanVideo:
    return AutoencoderKLHunyuanVideo(
        block_out_channels=(8, 8, 8, 8), down_block_types=("HunyuanVideoDownBlock3D",) * 4, latent_channels=4,
        up_block_types=("HunyuanVideoUpBlock3D",) * 4, layers_per_block=1, norm_num_groups=4,
    )  # fmt: skip


def ideogram4() -> Ideogram4Pipeline:
    def transformer() -> Ideogram4Transformer2DModel:
        made = Ideogram4Transformer2DModel(
            in_channels=16, num_layers=1, attention_head_dim=8, num_attention_heads=2, intermediate_size=16, adaln_dim=8,
            llm_features_dim=13 * 8, mrope_section=(2, 1, 1),
        )  # fmt: skip
        return randomise(made).eval()

    return Ideogram4Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=flux2_autoencoder(), tokenizer=qwen_tokenizer(),
        text_encoder=qwen3_vl(36, width=8, head=False), transformer=transformer(), unconditional_transformer=transformer(),
    )  # fmt: skip


def fibo() -> BriaFiboPipeline:
    transformer = BriaFiboTransformer2DModel(
        patch_size=1, in_channels=4, num_layers=1, num_single_layers=1, attention_head_dim=8, num_attention_heads=2,
        joint_attention_dim=2 * WIDTH, text_encoder_dim=WIDTH, axes_dims_rope=[0, 4, 4],
    )  # fmt: skip
    vae = AutoencoderKLWan(
        base_dim=4, decoder_base_dim=4, z_dim=4, dim_mult=[1, 1, 1, 1], num_res_blocks=1, in_channels=12, out_channels=12,
        patch_size=2, scale_factor_spatial=16, temperal_downsample=[False, True, True], latents_mean=[0.0] * 4,
        latents_std=[1.0] * 4, is_residual=True,
    )  # fmt: skip
    config = SmolLM3Config(
        # The pipeline encodes empty prompts as token 128000.
        vocab_size=128001, tie_word_embeddings=True, hidden_size=WIDTH, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    return BriaFiboPipeline(
        transformer=randomise(transformer).eval(), scheduler=FlowMatchEulerDiscreteScheduler(), vae=vae,
        text_encoder=SmolLM3ForCausalLM(config).eval(), tokenizer=qwen_tokenizer(),
    )  # fmt: skip


def fibo2() -> BriaFibo2Pipeline:
    transformer = BriaFibo2Transformer2DModel(
        in_channels=4, dim=32, n_layers=2, n_refiner_layers=1, n_heads=2, cap_feat_dim=3 * WIDTH, injection_layer_ids=(0, 1),
        perceiver_num_layers=1, min_num_gist_tokens=4, max_num_gist_tokens=8, gist_step=4, gist_min_text_len=4,
        gist_max_text_len=32, axes_dims=(8, 4, 4), axes_lens=(64, 32, 32),
    )  # fmt: skip
    return BriaFibo2Pipeline(
        transformer=randomise(transformer).eval(), scheduler=FlowMatchEulerDiscreteScheduler(), vae=flux2_autoencoder(),
        text_encoder=qwen3_vl(), processor=qwen_processor(),
    )  # fmt: skip


def ernie_image() -> ErnieImagePipeline:
    transformer = ErnieImageTransformer2DModel(
        hidden_size=32, num_attention_heads=2, num_layers=1, ffn_hidden_size=16, in_channels=16, out_channels=16,
        text_in_dim=WIDTH, rope_axes_dim=(8, 4, 4),
    )  # fmt: skip
    return ErnieImagePipeline(
        transformer=randomise(transformer).eval(), vae=flux2_autoencoder(), tokenizer=qwen_tokenizer(),
        text_encoder=Mistral3Model(Mistral3Config(**mistral3_config())).eval(), scheduler=FlowMatchEulerDiscreteScheduler(),
    )  # fmt: skip


def nucleus_moe() -> NucleusMoEImagePipeline:
    transformer = NucleusMoEImageTransformer2DModel(
        patch_size=2, in_channels=16, out_channels=4, num_layers=2, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=WIDTH, axes_dims_rope=(8, 4, 4), moe_enabled=False, capacity_factors=[8.0, 8.0],
    )  # fmt: skip
    return NucleusMoEImagePipeline(
        transformer=randomise(transformer).eval(), scheduler=FlowMatchEulerDiscreteScheduler(), vae=qwen_autoencoder(),
        text_encoder=qwen3_vl(), processor=qwen_processor(),
    )  # fmt: skip


def qwen_image_21() -> QwenImage21Pipeline:
    transformer = QwenImage21Transformer2DModel(
        in_channels=4, out_channels=4, num_layers=2, attention_head_dim=16, num_attention_heads=2, context_in_dim=WIDTH,
        axes_dims_rope=(8, 4, 4),
    )  # fmt: skip
    vae = AutoencoderKLQwenImage21(
        base_dim=4, decoder_base_dim=4, z_dim=4, dim_mult=[1, 1, 1, 1, 1], num_res_blocks=1, latents_mean=[0.0] * 4,
        latents_std=[1.0] * 4,
    )  # fmt: skip
    return QwenImage21Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=vae, text_encoder=qwen3_vl(), processor=qwen_processor(),
        transformer=randomise(transformer).eval(),
    )  # fmt: skip


SMALL = {
    "krea-2": Small(make=krea2, call=SQUARE | {"max_sequence_length": 64}),
    "kandinsky-5": Small(
        make=kandinsky5,
        call=SQUARE,
        attributes={"resolutions": [(SIDE, SIDE)]},
        routes={"edit": kandinsky5_edit, "video": kandinsky5_video, "image to video": kandinsky5_animate},
    ),
    "ideogram-4": Small(
        make=ideogram4,
        call={"height": SIDE, "width": SIDE, "guidance_schedule": (3.0, 3.0), "max_sequence_length": 64},
        guided=None,
        encode={"grid_h": 2, "grid_w": 2, "max_sequence_length": 64},
    ),
    "bria-fibo": Small(
        make=fibo,
        call=SQUARE,
        routes={
            # The keys of its JSON are English, so the language is named.
            "edit": lambda _: (
                "BriaFiboEditPipeline",
                {},
                {"image": image(), "prompt": '{"edit_instruction": "aja"}', "language": "yo"},
            )
        },
    ),
    "bria-fibo-2": Small(
        make=fibo2,
        call=SQUARE,
        attributes={"text_encoder_out_layers": ((1, 0, 1), (0, 1, 0), (1, 1, 0))},
        routes={"edit": lambda _: ("BriaFibo2Pipeline", {}, {"image": image()})},
    ),
    "ernie-image": Small(make=ernie_image, call=SQUARE),
    "nucleus-moe-image": Small(make=nucleus_moe, call=SQUARE, attributes={"default_return_index": -1}),
    "qwen-image-2.1": Small(
        make=qwen_image_21,
        call={"height": SIDE, "width": SIDE, "true_cfg_scale": 1.0},
        guided={"true_cfg_scale": 3.0},
        routes={"edit": lambda _: ("QwenImage21Pipeline", {}, {"image": image(), "output_resolution": SIDE})},
        shape=(SIDE, SIDE, 4),
    ),
}
