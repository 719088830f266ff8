"""Small image bases whose own text encoder is a T5."""

from __future__ import annotations

from typing import Any

from diffusers import (
    BriaPipeline,
    BriaTransformer2DModel,
    CogVideoXDDIMScheduler,
    CogView3PlusPipeline,
    CogView3PlusTransformer2DModel,
    DDPMScheduler,
    FlowMatchEulerDiscreteScheduler,
    IFPipeline,
    Kandinsky3Pipeline,
    Kandinsky3UNet,
    PRXPipeline,
    PRXTransformer2DModel,
    UNet2DConditionModel,
    VQModel,
)
from transformers import T5GemmaConfig, T5GemmaModuleConfig
from transformers.models.t5gemma.modeling_t5gemma import T5GemmaEncoder

from tests.builders.models.bases.parts import (
    SIDE,
    WIDTH,
    autoencoder,
    gemma_tokenizer,
    image,
    qwen3,
    qwen_tokenizer,
    randomise,
    t5,
    t5_tokenizer,
    white_mask,
)
from tests.builders.models.bases.small import Small

SQUARE = {"height": SIDE, "width": SIDE, "guidance_scale": 3.0}


def cogview3_plus() -> CogView3PlusPipeline:
    transformer = CogView3PlusTransformer2DModel(
        patch_size=2, in_channels=4, num_layers=1, attention_head_dim=8, num_attention_heads=2, out_channels=4, text_embed_dim=WIDTH,
        time_embed_dim=8, condition_dim=2, pos_embed_max_size=8, sample_size=16,
    )  # fmt: skip
    return CogView3PlusPipeline(
        tokenizer=t5_tokenizer(), text_encoder=t5(), vae=autoencoder(), transformer=randomise(transformer),
        scheduler=CogVideoXDDIMScheduler(),
    )  # fmt: skip


def kandinsky3() -> Kandinsky3Pipeline:
    unet = Kandinsky3UNet(
        in_channels=4, time_embedding_dim=4, groups=2, attention_head_dim=4, layers_per_block=2, block_out_channels=(32, 64),
        cross_attention_dim=4, encoder_hid_dim=WIDTH,
    )  # fmt: skip
    movq = VQModel(
        block_out_channels=(32, 32), down_block_types=("DownEncoderBlock2D",) * 2, latent_channels=4, layers_per_block=1,
        norm_num_groups=8, norm_type="spatial", num_vq_embeddings=12, up_block_types=("UpDecoderBlock2D",) * 2, vq_embed_dim=4,
    )  # fmt: skip
    return Kandinsky3Pipeline(
        tokenizer=t5_tokenizer(), text_encoder=t5(), unet=unet, scheduler=DDPMScheduler(clip_sample=True), movq=movq
    )


def t5gemma() -> T5GemmaEncoder:
    sizes = {
        "vocab_size": 300, "hidden_size": WIDTH, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "num_key_value_heads": 1, "head_dim": 8, "max_position_embeddings": 64, "layer_types": ["full_attention"],
    }  # fmt: skip
    config = T5GemmaConfig(encoder=T5GemmaModuleConfig(**sizes), is_encoder_decoder=False, **sizes)
    encoder = T5GemmaEncoder(config.encoder).eval()
    encoder.config = config  # which published folders have, and diffusers expects
    return encoder


def prx_transformer(**more: Any) -> PRXTransformer2DModel:
    sizes = {
        "patch_size": 1, "in_channels": 4, "context_in_dim": WIDTH, "hidden_size": 16, "mlp_ratio": 2.0, "num_heads": 2, "depth": 1,
        "axes_dim": [4, 4],
    }  # fmt: skip
    return randomise(PRXTransformer2DModel(**{**sizes, **more}))


def prx() -> PRXPipeline:
    tokenizer = gemma_tokenizer()
    tokenizer.model_max_length = 16
    return PRXPipeline(
        transformer=prx_transformer(), scheduler=FlowMatchEulerDiscreteScheduler(), text_encoder=t5gemma(), tokenizer=tokenizer,
        vae=autoencoder(),
    )  # fmt: skip


def prx_of_pixels(_: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    transformer = prx_transformer(in_channels=3, bottleneck_size=8, resolution_embeds=True)
    parts = {
        "transformer": transformer,
        "text_encoder": qwen3(),
        "tokenizer": qwen_tokenizer(),
        "prompt_max_tokens": 16,
    }
    return "PRXPixelPipeline", parts, {}


def bria() -> BriaPipeline:
    transformer = BriaTransformer2DModel(
        patch_size=1, in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=8, num_attention_heads=2,
        joint_attention_dim=WIDTH, axes_dims_rope=[0, 4, 4],
    )  # fmt: skip
    return BriaPipeline(
        transformer=randomise(transformer), scheduler=FlowMatchEulerDiscreteScheduler(), vae=autoencoder(), text_encoder=t5(),
        tokenizer=t5_tokenizer(),
    )  # fmt: skip


def if_unet(**more: Any) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        **{"in_channels": 3, **more}, sample_size=SIDE, layers_per_block=1, block_out_channels=(8, 16), norm_num_groups=4,
        act_fn="gelu", out_channels=6,
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn", up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        cross_attention_dim=32, encoder_hid_dim=WIDTH, attention_head_dim=8, addition_embed_type="text",
        addition_embed_type_num_heads=2, cross_attention_norm="group_norm", resnet_time_scale_shift="scale_shift",
    )  # fmt: skip


def deepfloyd() -> IFPipeline:
    return IFPipeline(
        tokenizer=t5_tokenizer(), text_encoder=t5(), unet=if_unet(), scheduler=DDPMScheduler(variance_type="learned_range"),
        safety_checker=None, feature_extractor=None, watermarker=None, requires_safety_checker=False,
    )  # fmt: skip


def larger(name: str, **call: Any) -> Any:
    """Return the route to a class that enlarges an image."""

    def route(_: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
        unet = if_unet(in_channels=6, class_embed_type="timestep", time_embedding_act_fn="gelu")
        parts = {"unet": unet, "image_noising_scheduler": DDPMScheduler(variance_type="learned_range")}
        return name, parts, {"height": None, "width": None, "num_inference_steps": 4, "noise_level": 10, **call}

    return route


SMALL = {
    "cogview3-plus": Small(make=cogview3_plus, call=SQUARE | {"max_sequence_length": 16}),
    "kandinsky-3": Small(
        make=kandinsky3,
        call=SQUARE,
        shape=(SIDE // 2, SIDE // 2, 3),
        routes={
            "img2img": lambda _: (
                "Kandinsky3Img2ImgPipeline",
                {},
                {
                    "image": image(),
                    "strength": 0.8,
                    "num_inference_steps": 4,
                    "height": None,
                    "width": None,
                    "shape": (SIDE, SIDE, 3),
                },
            )
        },
    ),
    "prx": Small(
        make=prx,
        call=SQUARE | {"use_resolution_binning": False},
        batched={
            "guidance_scale": 1.0
        },  # diffusers 0.42.1 guides one image at a time: its timesteps are two whatever the batch
        routes={"pixels": prx_of_pixels},
    ),
    "bria": Small(make=bria, call=SQUARE),
    "deepfloyd-if": Small(
        make=deepfloyd,
        call=SQUARE,
        routes={
            "img2img": lambda _: (
                "IFImg2ImgPipeline",
                {},
                {"image": image(), "strength": 0.8, "num_inference_steps": 4, "height": None, "width": None},
            ),
            "inpainting": lambda _: (
                "IFInpaintingPipeline",
                {},
                {
                    "image": image(),
                    "mask_image": white_mask(),
                    "strength": 0.8,
                    "num_inference_steps": 4,
                    "height": None,
                    "width": None,
                },
            ),
            "super-resolution": larger("IFSuperResolutionPipeline", image=image(), height=SIDE, width=SIDE),
            "super-resolution of img2img": larger(
                "IFImg2ImgSuperResolutionPipeline", image=image(), original_image=image(), strength=0.8
            ),
            "super-resolution of inpainting": larger(
                "IFInpaintingSuperResolutionPipeline",
                image=image(),
                original_image=image(),
                mask_image=white_mask(),
                strength=0.8,
            ),
        },
    ),
}
