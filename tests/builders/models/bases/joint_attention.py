"""Small bases of the families in `hub/bases/families/joint_attention.py` and of Z-Image."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from diffusers import (
    AuraFlowPipeline,
    AuraFlowTransformer2DModel,
    AutoencoderKLFlux2,
    AutoencoderKLQwenImage,
    ChromaPipeline,
    ChromaTransformer2DModel,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    Flux2Transformer2DModel,
    Lumina2Pipeline,
    Lumina2Transformer2DModel,
    QwenImagePipeline,
    QwenImageTransformer2DModel,
    ZImageOmniPipeline,
    ZImagePipeline,
    ZImageTransformer2DModel,
)
from transformers import (
    Gemma2Config,
    Gemma2Model,
    Siglip2ImageProcessorPil,
    Siglip2VisionConfig,
    Siglip2VisionModel,
    UMT5Config,
    UMT5EncoderModel,
)

from tests.builders.models.bases import routes
from tests.builders.models.bases.parts import (
    SIDE,
    WIDTH,
    autoencoder,
    gemma_tokenizer,
    image,
    qwen3,
    qwen25_vl,
    qwen_tokenizer,
    t5,
    t5_tokenizer,
    white_mask,
)
from tests.builders.models.bases.small import Small

SQUARE = {"height": SIDE, "width": SIDE, "guidance_scale": 3.0}


def flux2_transformer(width: int, *, guided: bool = False) -> Flux2Transformer2DModel:
    return Flux2Transformer2DModel(
        patch_size=1, in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=width, timestep_guidance_channels=16, axes_dims_rope=(4, 4, 4, 4), guidance_embeds=guided,
    )  # fmt: skip


def flux2_autoencoder() -> AutoencoderKLFlux2:
    return AutoencoderKLFlux2(
        down_block_types=("DownEncoderBlock2D",), up_block_types=("UpDecoderBlock2D",), block_out_channels=(4,),
        layers_per_block=1, latent_channels=4, norm_num_groups=1, sample_size=SIDE, use_quant_conv=False,
        use_post_quant_conv=False,
    )  # fmt: skip


def flux2_klein() -> Flux2KleinPipeline:
    return Flux2KleinPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=flux2_autoencoder(), tokenizer=qwen_tokenizer(),
        text_encoder=qwen3(layers=28, heads=1, causal=True, width=16), transformer=flux2_transformer(3 * 16),
    )  # fmt: skip


def chroma() -> ChromaPipeline:
    transformer = ChromaTransformer2DModel(
        patch_size=1, in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=WIDTH, axes_dims_rope=(4, 4, 8), approximator_hidden_dim=32, approximator_layers=1,
        approximator_num_channels=16,
    )  # fmt: skip
    return ChromaPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=autoencoder(), text_encoder=t5(), tokenizer=t5_tokenizer(),
        transformer=transformer,
    )  # fmt: skip


def qwen_autoencoder() -> AutoencoderKLQwenImage:
    return AutoencoderKLQwenImage(
        base_dim=8, z_dim=4, dim_mult=[1, 2, 4], num_res_blocks=1, temperal_downsample=[False, True], latents_mean=[0.0] * 4,
        latents_std=[1.0] * 4,
    )  # fmt: skip


def qwen_image() -> QwenImagePipeline:
    transformer = QwenImageTransformer2DModel(
        patch_size=2, in_channels=16, out_channels=4, num_layers=2, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=WIDTH, axes_dims_rope=(8, 4, 4),
    )  # fmt: skip
    return QwenImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=qwen_autoencoder(), text_encoder=qwen25_vl(), tokenizer=qwen_tokenizer(),
        transformer=transformer,
    )  # fmt: skip


def z_image_transformer(siglip: int | None = None) -> ZImageTransformer2DModel:
    transformer = ZImageTransformer2DModel(
        in_channels=4, dim=32, n_layers=2, n_refiner_layers=1, n_heads=2, n_kv_heads=2, cap_feat_dim=WIDTH,
        axes_dims=[8, 4, 4], axes_lens=[256, 32, 32], siglip_feat_dim=siglip,
    )  # fmt: skip
    for token in (transformer.x_pad_token, transformer.cap_pad_token):  # they start as memory that is not initialised
        torch.nn.init.ones_(token)
    return transformer


def z_image() -> ZImagePipeline:
    return ZImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=autoencoder(), text_encoder=qwen3(), tokenizer=qwen_tokenizer(),
        transformer=z_image_transformer(),
    )  # fmt: skip


def z_image_omni() -> ZImageOmniPipeline:
    config = Siglip2VisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, patch_size=8, num_patches=16
    )
    return ZImageOmniPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=autoencoder(), text_encoder=qwen3(), tokenizer=qwen_tokenizer(),
        transformer=z_image_transformer(siglip=16), siglip=Siglip2VisionModel(config).eval(),
        siglip_processor=Siglip2ImageProcessorPil(patch_size=8, max_num_patches=16),
    )  # fmt: skip


def omni_edit(pipe: Any) -> Any:
    """Return the route to editing; the pipeline encodes images in bfloat16."""
    return "ZImageOmniPipeline", {"vae": deepcopy(pipe.vae).bfloat16()}, {"image": image(64)}


def lumina2() -> Lumina2Pipeline:
    transformer = Lumina2Transformer2DModel(
        sample_size=8, patch_size=2, in_channels=4, hidden_size=24, num_layers=2, num_attention_heads=3, num_kv_heads=1,
        multiple_of=16, axes_dim_rope=(4, 2, 2), axes_lens=(300, 32, 32), cap_feat_dim=WIDTH,
    )  # fmt: skip
    config = Gemma2Config(
        vocab_size=300, hidden_size=WIDTH, intermediate_size=16, num_hidden_layers=2, head_dim=8, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=600,
    )  # fmt: skip
    return Lumina2Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=autoencoder(), text_encoder=Gemma2Model(config).eval(),
        tokenizer=gemma_tokenizer(), transformer=transformer,
    )  # fmt: skip


def auraflow() -> AuraFlowPipeline:
    transformer = AuraFlowTransformer2DModel(
        sample_size=16, patch_size=2, in_channels=4, num_mmdit_layers=1, num_single_dit_layers=1, attention_head_dim=8,
        num_attention_heads=2, caption_projection_dim=16, joint_attention_dim=WIDTH, out_channels=4, pos_embed_max_size=256,
    )  # fmt: skip
    config = UMT5Config(vocab_size=160, d_model=WIDTH, d_kv=4, d_ff=16, num_layers=1, num_heads=2)
    return AuraFlowPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=autoencoder(), text_encoder=UMT5EncoderModel(config).eval(),
        tokenizer=t5_tokenizer(), transformer=transformer,
    )  # fmt: skip


def img2img(name: str, **sizes: Any) -> Any:
    """Return the route to an img2img class."""
    return lambda _: (name, {}, {"image": image(), "strength": 0.8, "num_inference_steps": 4, **sizes})


def inpaint(name: str, **sizes: Any) -> Any:
    """Return the route to an inpainting class."""
    given = {"image": image(), "mask_image": white_mask(), "strength": 0.8, "num_inference_steps": 4}
    return lambda _: (name, {}, given | sizes)


SHORT = {"max_sequence_length": 32}
"""Instead of 512 tokens of padding."""
SMALL = {
    "flux2-klein": Small(
        make=flux2_klein,
        call=SQUARE | SHORT,
        guided=None,
        routes={
            "inpainting": inpaint("Flux2KleinInpaintPipeline"),
            "edit": lambda _: ("Flux2KleinPipeline", {}, {"image": image(64)}),
            "edit with a cache of keys": lambda _: (
                "Flux2KleinKVPipeline",
                {},
                {"image": image(64), "guidance_scale": None},
            ),
        },
    ),
    "chroma": Small(
        make=chroma,
        call=SQUARE | SHORT,
        # diffusers 0.42.1's ChromaInpaintPipeline reads `guidance_embeds`, a setting that Chroma's transformer lacks.
        routes={"img2img": img2img("ChromaImg2ImgPipeline")},
    ),
    "qwen-image": Small(
        make=qwen_image,
        call={"height": SIDE, "width": SIDE, "true_cfg_scale": 1.0},
        guided={"true_cfg_scale": 3.0},
        routes={
            "img2img": img2img("QwenImageImg2ImgPipeline"),
            "inpainting": inpaint("QwenImageInpaintPipeline"),
            **routes.QWEN_IMAGE,
        },
        shrinks=routes.small_images,
    ),
    "z-image": Small(
        make=z_image,
        call=SQUARE,
        routes={
            "img2img": img2img("ZImageImg2ImgPipeline"),
            "inpainting": inpaint("ZImageInpaintPipeline"),
            **routes.Z_IMAGE,
        },
    ),
    "z-image-omni": Small(make=z_image_omni, call=SQUARE, routes={"edit": omni_edit}),
    # The pipeline assumes an autoencoder that divides the sides by 8.
    "lumina2": Small(make=lumina2, call=SQUARE | {"height": 4 * SIDE, "width": 4 * SIDE}),
    "auraflow": Small(make=auraflow, call=SQUARE),
}
