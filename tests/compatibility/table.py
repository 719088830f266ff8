"""The table: families, features, and the reasons why a family lacks a feature."""

from __future__ import annotations

from collections.abc import Callable

from tests.builders.models.families import BASES
from tests.compatibility import features, quantised, routes
from tests.compatibility.case import Case

FAMILIES = {
    "stable-diffusion": "SD 1.x, 2.x",
    "stable-diffusion-xl": "SDXL",
    "stable-diffusion-3": "SD 3, 3.5",
    "pixart": "PixArt-α, Σ",
    "flux": "FLUX.1",
    "sana": "Sana",
    "altdiffusion": "AltDiffusion",
}
FEATURES: dict[str, Callable[[Case], None]] = {
    "text to image": features.text_to_image,
    "img2img": routes.img2img,
    "inpainting": routes.inpainting,
    "ControlNet": routes.controlnet,
    "IP-Adapter": routes.ip_adapter,
    "LoRA loaded before the module": features.lora_before,
    "LoRA loaded after the module": features.lora_after,
    "model CPU offload": features.model_offload,
    "sequential CPU offload": features.sequential_offload,
    "`torch.compile` of the denoiser": features.compiled,
    "VAE tiling and slicing": features.vae_tiling,
    "callbacks": features.callbacks,
    "negative prompts": features.negative_prompts,
    "guidance off": features.guidance_off,
    "`num_images_per_prompt`": features.several_images,
    "lists of prompts": features.lists,
    "long prompts past the window": features.long_prompts,
    "empty prompts": features.empty_prompts,
    "`save_pretrained`, `load_pipeline` of the folder": features.saved_folder,
    "8-bit base": quantised.base_in_8_bits,
    "4-bit base": quantised.base_in_4_bits,
    "8-bit encoder": quantised.encoder_in_8_bits,
    "4-bit encoder": quantised.encoder_in_4_bits,
}
OTHERWISE: dict[tuple[str, str], Callable[[Case], None]] = {("pixart", "callbacks"): features.steps_callback}
"""Checks for families that have the feature under another name."""

_NO_CLASS = "diffusers 0.42 has no such pipeline for this family"
_IP = "diffusers reads IP-Adapters of this family in other layouts, outside `encode_prompt`; not tested"
ABSENT: dict[tuple[str, str], str] = {
    ("pixart", "img2img"): _NO_CLASS,
    ("pixart", "inpainting"): _NO_CLASS,
    ("pixart", "ControlNet"): _NO_CLASS,
    ("sana", "img2img"): "diffusers 0.42 has it only for Sana Sprint",
    ("sana", "inpainting"): _NO_CLASS,
    ("stable-diffusion-3", "IP-Adapter"): _IP,
    ("flux", "IP-Adapter"): _IP,
    ("pixart", "IP-Adapter"): "diffusers 0.42 has no IP-Adapters for this family",
    ("sana", "IP-Adapter"): "diffusers 0.42 has no IP-Adapters for this family",
    (
        "altdiffusion",
        "IP-Adapter",
    ): "diffusers' deprecated pipeline passes the projection the states of another layer than it expects",
    ("pixart", "LoRA loaded before the module"): "diffusers 0.42 cannot load LoRAs into PixArt",
    ("pixart", "LoRA loaded after the module"): "diffusers 0.42 cannot load LoRAs into PixArt",
}
"""(family, feature) → the reason. Every other cell has a test."""

WITH_NOTE = {
    "sequential CPU offload": "tested on a CPU with the accelerate hooks that diffusers sets; diffusers' own method requires a GPU and "
    "is tested as well where one is available"
}
"""Feature → how it was tested, where the name does not say all of it."""

CELLS = [(family, feature) for feature in FEATURES for family in BASES]


def check(family: str, feature: str) -> Callable[[Case], None] | None:
    """Return the check of the feature, or None if `ABSENT` has a reason."""
    return None if (family, feature) in ABSENT else OTHERWISE.get((family, feature), FEATURES[feature])
