"""Small bases of Cosmos 1, 2 and 2.5."""

from __future__ import annotations

from typing import Any

from diffusers import (
    AutoencoderKLCosmos,
    AutoencoderKLWan,
    Cosmos2_5_PredictBasePipeline,
    Cosmos2TextToImagePipeline,
    CosmosTransformer3DModel,
    EDMEulerScheduler,
    FlowMatchEulerDiscreteScheduler,
    UniPCMultistepScheduler,
)

from tests.builders.models.bases.guardrail import Harmless
from tests.builders.models.bases.parts import SIDE, WIDTH, image, qwen25_vl, qwen_tokenizer, randomise, t5, t5_tokenizer
from tests.builders.models.bases.small import Small

SQUARE = {"height": SIDE, "width": SIDE, "guidance_scale": 3.0, "max_sequence_length": 16}


def harmless() -> dict[str, Any]:
    return {"safety_checker": Harmless()}


def cosmos_transformer(**more: Any) -> CosmosTransformer3DModel:
    sizes = {
        "in_channels": 16, "out_channels": 16, "num_attention_heads": 2, "attention_head_dim": 16, "num_layers": 1, "mlp_ratio": 2,
        "text_embed_dim": WIDTH, "adaln_lora_dim": 4, "max_size": (4, 32, 32), "patch_size": (1, 2, 2), "rope_scale": (2.0, 1.0, 1.0),
        "concat_padding_mask": False,  # with it, diffusers needs torchvision
    }  # fmt: skip
    return randomise(CosmosTransformer3DModel(**{**sizes, **more}))


def wan_autoencoder() -> AutoencoderKLWan:
    return AutoencoderKLWan(
        base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True],
        latents_mean=[0.0] * 16, latents_std=[1.0] * 16,
    )  # fmt: skip


def cosmos() -> Cosmos2TextToImagePipeline:
    return Cosmos2TextToImagePipeline(
        text_encoder=t5(), tokenizer=t5_tokenizer(), transformer=cosmos_transformer(), vae=wan_autoencoder(),
        scheduler=FlowMatchEulerDiscreteScheduler(use_karras_sigmas=True), **harmless(),
    )  # fmt: skip


VIDEO = {"num_frames": 5, "shape": (5, SIDE, SIDE, 3)}


def to_world(name: str, channels: int, **call: Any) -> Any:
    """Return the route to a class of Cosmos 1, which has its own autoencoder and scheduler."""

    def route(_: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
        vae = AutoencoderKLCosmos(
            latent_channels=16, encoder_block_out_channels=(8,) * 4, decode_block_out_channels=(8,) * 4, attention_resolutions=(8,),
            resolution=64, num_layers=1, spatial_compression_ratio=8, temporal_compression_ratio=4, latents_mean=None, latents_std=None,
        )  # fmt: skip
        scheduler = EDMEulerScheduler(sigma_data=0.5, sigma_schedule="karras", final_sigmas_type="sigma_min")
        return (
            name,
            {"vae": vae, "scheduler": scheduler, "transformer": cosmos_transformer(in_channels=channels)},
            VIDEO | call,
        )

    return route


def cosmos_25() -> Cosmos2_5_PredictBasePipeline:
    transformer = cosmos_transformer(
        in_channels=17,
        use_crossattn_projection=True,
        crossattn_proj_in_channels=2 * WIDTH,
        encoder_hidden_states_channels=WIDTH,
    )
    return Cosmos2_5_PredictBasePipeline(
        text_encoder=qwen25_vl(), tokenizer=qwen_tokenizer(), transformer=transformer, vae=wan_autoencoder(),
        scheduler=UniPCMultistepScheduler(), **harmless(),
    )  # fmt: skip


SMALL = {
    "cosmos": Small(
        make=cosmos,
        parts=harmless,
        call=SQUARE | {"guidance_scale": 60.0},  # images have 8 bits after the check of their safety
        routes={
            "text to video": to_world("CosmosTextToWorldPipeline", 16),
            "image to video": to_world("CosmosVideoToWorldPipeline", 17, image=image()),
            "image to video (2)": lambda _: (
                "Cosmos2VideoToWorldPipeline",
                {"transformer": cosmos_transformer(in_channels=17)},
                VIDEO | {"image": image()},
            ),
        },
    ),
    # Cosmos2_5_TransferPipeline also needs a ControlNet and reads clips of 93 frames.
    "cosmos-2.5": Small(make=cosmos_25, parts=harmless, call=SQUARE | {"num_frames": 5}, shape=(5, SIDE, SIDE, 3)),
}
