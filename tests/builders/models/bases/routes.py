"""Routes of Qwen-Image and Z-Image beside text-to-image and inpainting: ControlNet, editing, layers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from diffusers import QwenImageControlNetModel, ZImageControlNetModel
from diffusers.pipelines.qwenimage import (
    pipeline_qwenimage_edit,
    pipeline_qwenimage_edit_inpaint,
    pipeline_qwenimage_edit_plus,
    pipeline_qwenimage_layered,
)

from tests.builders.models.bases.parts import SIDE, image, randomise, white_mask
from tests.builders.models.bases.processors import qwen_processor

EDITING = (
    pipeline_qwenimage_edit,
    pipeline_qwenimage_edit_inpaint,
    pipeline_qwenimage_edit_plus,
    pipeline_qwenimage_layered,
)


@contextmanager
def small_images() -> Iterator[None]:
    """Let editing pipelines scale images to `SIDE`, not to a million pixels."""
    with ExitStack() as stack:
        for module in EDITING:
            own = module.calculate_dimensions
            small = mock.patch.object(module, "calculate_dimensions", lambda _, ratio, own=own: own(SIDE * SIDE, ratio))
            stack.enter_context(small)
        yield


def qwen_control(inpaint: bool = False) -> Any:
    """Return the route to a ControlNet, whose zero convolutions are filled."""

    def route(pipe: Any) -> Any:
        extra = 4 if inpaint else 0
        net = QwenImageControlNetModel(
            patch_size=2, in_channels=16, out_channels=4, num_layers=2, attention_head_dim=16, num_attention_heads=2,
            joint_attention_dim=16, axes_dims_rope=(8, 4, 4), extra_condition_channels=extra,
        )  # fmt: skip
        name = "QwenImageControlNetInpaintPipeline" if inpaint else "QwenImageControlNetPipeline"
        given = {"control_image": image()} | ({"control_mask": white_mask()} if inpaint else {})
        return name, {"controlnet": randomise(net).eval()}, given

    return route


def qwen_edit(name: str, **given: Any) -> Any:
    """Return the route to an editing class."""

    def route(pipe: Any) -> Any:
        return name, {"processor": qwen_processor()}, {"image": image(), **given}

    return route


def qwen_layered(pipe: Any) -> Any:
    """Return the route to the class that separates an image into layers, each of which it returns."""
    config = {**pipe.transformer.config, "use_layer3d_rope": True, "use_additional_t_cond": True}
    parts = {"processor": qwen_processor(), "transformer": type(pipe.transformer).from_config(config).eval()}
    return "QwenImageLayeredPipeline", parts, UNSIZED | {"image": image(), "layers": 1, "shape": (1, SIDE, SIDE, 3)}


UNSIZED = {"height": None, "width": None}
"""Arguments that a class lacks because its image has the size."""
QWEN_IMAGE = {
    "ControlNet": qwen_control(),
    "ControlNet inpainting": qwen_control(inpaint=True),
    "edit": qwen_edit("QwenImageEditPipeline"),
    "edit inpainting": qwen_edit(
        "QwenImageEditInpaintPipeline", mask_image=white_mask(), strength=0.8, num_inference_steps=4
    ),
    "edit several": qwen_edit("QwenImageEditPlusPipeline"),
    "layers": qwen_layered,
}


def z_image_control(inpaint: bool = False) -> Any:
    """Return the route to a ControlNet, whose zero projections are filled."""

    def route(pipe: Any) -> Any:
        channels = pipe.transformer.in_channels
        net = ZImageControlNetModel(
            control_layers_places=[0], control_refiner_layers_places=[0], dim=32, n_refiner_layers=1, n_heads=2, n_kv_heads=2,
            control_in_dim=2 * channels + 1 if inpaint else channels,
        )  # fmt: skip
        name = "ZImageControlNetInpaintPipeline" if inpaint else "ZImageControlNetPipeline"
        given = {"control_image": image()} | ({"image": image(), "mask_image": white_mask()} if inpaint else {})
        return name, {"controlnet": randomise(net).eval()}, given

    return route


Z_IMAGE = {"ControlNet": z_image_control(), "ControlNet inpainting": z_image_control(inpaint=True)}
