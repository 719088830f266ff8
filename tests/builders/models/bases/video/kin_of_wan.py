"""Small bases that read text as Wan does: SkyReels-V2, AnyFlow, ChronoEdit and Helios."""

from __future__ import annotations

from typing import Any

from diffusers import (
    AnyFlowFARTransformer3DModel,
    AnyFlowPipeline,
    AnyFlowTransformer3DModel,
    ChronoEditPipeline,
    ChronoEditTransformer3DModel,
    FlowMapEulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    HeliosPipeline,
    HeliosScheduler,
    HeliosTransformer3DModel,
    SkyReelsV2Pipeline,
    SkyReelsV2Transformer3DModel,
    UniPCMultistepScheduler,
)

from tests.builders.models.bases.parts import WIDTH, clip_images, frames, image, randomise, t5_tokenizer
from tests.builders.models.bases.small import Small
from tests.builders.models.bases.video.t5 import SIDE, SQUARE, umt5, wan_autoencoder, wan_transformer

CALL = SQUARE | {"num_frames": 5}
FIVE = (5, SIDE, SIDE, 3)


def parts(scheduler: Any) -> dict[str, Any]:
    return {"tokenizer": t5_tokenizer(), "text_encoder": umt5(), "vae": wan_autoencoder(), "scheduler": scheduler}


def skyreels() -> SkyReelsV2Pipeline:
    scheduler = UniPCMultistepScheduler(flow_shift=8.0, use_flow_sigmas=True)
    return SkyReelsV2Pipeline(transformer=wan_transformer(SkyReelsV2Transformer3DModel), **parts(scheduler))


def skyreels_from_image(_: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    transformer = wan_transformer(SkyReelsV2Transformer3DModel, in_channels=36, image_dim=4)
    return "SkyReelsV2ImageToVideoPipeline", {"transformer": transformer, **clip_images(4)}, {"image": image(SIDE)}


def forcing(name: str = "", **call: Any) -> Any:
    """Return the route to a class of diffusion forcing."""
    return lambda _: (f"SkyReelsV2DiffusionForcing{name}Pipeline", {}, call)


def anyflow() -> AnyFlowPipeline:
    transformer = wan_transformer(AnyFlowTransformer3DModel, gate_value=0.25, deltatime_type="r")
    return AnyFlowPipeline(transformer=transformer, **parts(FlowMapEulerDiscreteScheduler(shift=5.0)))


def anyflow_in_chunks(_: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    transformer = wan_transformer(
        AnyFlowFARTransformer3DModel, gate_value=0.25, deltatime_type="r", compressed_patch_size=(1, 4, 4), full_chunk_limit=3,
        chunk_partition=(1, 1),
    )  # fmt: skip
    return "AnyFlowFARPipeline", {"transformer": transformer}, {}


def chronoedit() -> ChronoEditPipeline:
    transformer = wan_transformer(ChronoEditTransformer3DModel, in_channels=36, image_dim=4)
    return ChronoEditPipeline(
        transformer=transformer, **parts(FlowMatchEulerDiscreteScheduler(shift=7.0)), **clip_images(4)
    )


def helios() -> HeliosPipeline:
    transformer = HeliosTransformer3DModel(
        patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=12, in_channels=16, out_channels=16, text_dim=WIDTH, freq_dim=16,
        ffn_dim=16, num_layers=1, rope_dim=(4, 4, 4), has_multi_term_memory_patch=True, guidance_cross_attn=True,
        zero_history_timestep=True, is_amplify_history=False,
    )  # fmt: skip
    scheduler = HeliosScheduler(stage_range=[0, 1], stages=1, use_dynamic_shifting=True)
    return HeliosPipeline(transformer=randomise(transformer), **parts(scheduler))


SMALL = {
    "skyreels-v2": Small(
        make=skyreels,
        call=CALL,
        shape=FIVE,
        routes={
            "image to video": skyreels_from_image,
            "diffusion forcing": forcing(),
            "diffusion forcing from an image": forcing("ImageToVideo", image=image(SIDE)),
            "diffusion forcing from a video": forcing(
                "VideoToVideo",
                video=frames(5, SIDE),
                num_frames=9,
                overlap_history=5,
                base_num_frames=9,
                shape=(14, SIDE, SIDE, 3),
            ),
        },
    ),
    "anyflow": Small(
        make=anyflow,
        call=CALL,
        guided={"guidance_scale": 5.0},
        shape=FIVE,
        routes={"in chunks (FAR)": anyflow_in_chunks},
    ),
    "chronoedit": Small(make=chronoedit, call=CALL | {"image": image(SIDE)}, shape=FIVE),
    # 33 frames at least. HeliosPyramidPipeline reads prompts in the same way, with a transformer of several stages.
    "helios": Small(make=helios, call=CALL, guided={"guidance_scale": 5.0}, shape=(33, SIDE, SIDE, 3)),
}
