"""Small image bases whose own text encoder is a CLIP, and more routes of Stable Diffusion and Sana."""

from __future__ import annotations

from typing import Any

from diffusers import (
    DDPMScheduler,
    DDPMWuerstchenScheduler,
    StableCascadePriorPipeline,
    StableCascadeUNet,
    UNet2DConditionModel,
)
from diffusers.pipelines.stable_diffusion.stable_unclip_image_normalizer import StableUnCLIPImageNormalizer
from transformers import CLIPImageProcessorPil, CLIPTextModelWithProjection

from tests.builders.models.bases.parts import SIDE, WIDTH, clip_images, clip_text, image
from tests.builders.models.bases.small import Small
from tests.builders.models.families import base_of
from tests.builders.models.tiny import clip_tokenizer

SQUARE = {"height": SIDE, "width": SIDE, "guidance_scale": 3.0}


def stable_cascade_prior() -> StableCascadePriorPipeline:
    prior = StableCascadeUNet(
        conditioning_dim=32, block_out_channels=(32, 32), num_attention_heads=(2, 2), down_num_layers_per_block=(1, 1),
        up_num_layers_per_block=(1, 1), down_blocks_repeat_mappers=(1, 1), up_blocks_repeat_mappers=(1, 1), switch_level=(False,),
        clip_image_in_channels=WIDTH, clip_text_in_channels=WIDTH, clip_text_pooled_in_channels=WIDTH, dropout=(0.0, 0.0),
    )  # fmt: skip
    return StableCascadePriorPipeline(
        prior=prior.eval(), scheduler=DDPMWuerstchenScheduler(), **clip_text(WIDTH, made=CLIPTextModelWithProjection)
    )


def of_family(name: str) -> Any:
    """Return what builds the small base that the table of features has."""
    return lambda: base_of(name, is_wide=False).make(clip_tokenizer())


def from_image_embeddings(pipe: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    width = pipe.unet.config.cross_attention_dim
    unet = UNet2DConditionModel(
        **{
            **pipe.unet.config, "class_embed_type": "projection", "projection_class_embeddings_input_dim": 2 * WIDTH,
            "cross_attention_dim": width,
        }
    )  # fmt: skip
    parts = {
        "unet": unet.eval(), "image_encoder": clip_images(WIDTH)["image_encoder"],
        "feature_extractor": CLIPImageProcessorPil(crop_size=4, size=4),
        "image_normalizer": StableUnCLIPImageNormalizer(embedding_dim=WIDTH),
        "image_noising_scheduler": DDPMScheduler(beta_schedule="squaredcos_cap_v2"),
    }  # fmt: skip
    return "StableUnCLIPImg2ImgPipeline", parts, {"image": image()}


def instructed(pipe: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    unet = UNet2DConditionModel(**{**pipe.unet.config, "in_channels": 8})
    return "StableDiffusionXLInstructPix2PixPipeline", {"unet": unet.eval()}, {"image": image()}


SMALL = {
    "stable-cascade-prior": Small(make=stable_cascade_prior, call=SQUARE, shape=(16, 1, 1)),
    "stable-diffusion": Small(
        make=of_family("stable-diffusion"), call=SQUARE, routes={"unCLIP img2img": from_image_embeddings}
    ),
    "stable-diffusion-xl": Small(
        make=of_family("stable-diffusion-xl"), call=SQUARE, routes={"instructions (InstructPix2Pix)": instructed}
    ),
    "sana": Small(
        make=of_family("sana"),
        call=SQUARE | {"use_resolution_binning": False, "complex_human_instruction": ["Draw:"]},
        routes={
            "perturbed attention (PAG)": lambda _: (
                "SanaPAGPipeline",
                {"pag_applied_layers": ["transformer_blocks.0"]},
                {},
            )
        },
    ),
}
