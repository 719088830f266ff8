"""Check other pipelines of a family, built from the same parts with `pipe.into(…)`."""

from __future__ import annotations

from typing import Any

import diffusers
import torch
from diffusers import ControlNetModel, FluxControlNetModel, SanaControlNetModel, SD3ControlNetModel
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPImageProcessorPil, CLIPVisionConfig, CLIPVisionModelWithProjection

from tests.compatibility.case import SIDE, Case

IMG2IMG = {
    "stable-diffusion": "StableDiffusionImg2ImgPipeline",
    "stable-diffusion-xl": "StableDiffusionXLImg2ImgPipeline",
    "stable-diffusion-3": "StableDiffusion3Img2ImgPipeline",
    "flux": "FluxImg2ImgPipeline",
    "altdiffusion": "AltDiffusionImg2ImgPipeline",
}
INPAINT = {
    "stable-diffusion": "StableDiffusionInpaintPipeline",
    "stable-diffusion-xl": "StableDiffusionXLInpaintPipeline",
    "stable-diffusion-3": "StableDiffusion3InpaintPipeline",
    "flux": "FluxInpaintPipeline",
    "altdiffusion": "StableDiffusionInpaintPipeline",
}
CONTROL = {
    "stable-diffusion": "StableDiffusionControlNetPipeline",
    "stable-diffusion-xl": "StableDiffusionXLControlNetPipeline",
    "stable-diffusion-3": "StableDiffusion3ControlNetPipeline",
    "flux": "FluxControlNetPipeline",
    "sana": "SanaControlNetPipeline",
    "altdiffusion": "StableDiffusionControlNetPipeline",
}


def other(case: Case, name: str, **parts: Any) -> Any:
    pipe = (
        case.copied() if parts else case.pipe
    )  # SD3's ControlNet changes the configuration of the denoiser it is made from
    made = pipe.into(getattr(diffusers, name), **{key: make(pipe) for key, make in parts.items()})
    made.set_progress_bar_config(disable=True)
    assert made.get_active_adapters() == ["mulan-yo"]
    return made


def img2img(case: Case) -> None:
    sizes = {"height": None, "width": None} if case.family != "flux" and case.family != "stable-diffusion-3" else {}
    made = other(case, IMG2IMG[case.family])
    case.differs(made, image=case.image(), num_inference_steps=4, strength=0.8, **sizes)


def inpainting(case: Case) -> None:
    made = other(case, INPAINT[case.family])
    case.differs(
        made, image=case.image(), mask_image=Image.new("L", (SIDE, SIDE), 255), num_inference_steps=4, strength=0.8
    )


def controlnet(case: Case) -> None:
    def make(pipe: Any) -> Any:
        torch.manual_seed(3)
        match case.family:
            case "flux":
                return FluxControlNetModel.from_transformer(
                    pipe.transformer, num_layers=1, num_single_layers=0, attention_head_dim=16, num_attention_heads=2
                )
            case "stable-diffusion-3":
                return SD3ControlNetModel.from_transformer(
                    pipe.transformer, num_layers=1, num_extra_conditioning_channels=0
                )
            case "sana":
                return SanaControlNetModel(
                    **{key: value for key, value in pipe.transformer.config.items() if key in _SANA}, num_layers=1
                )
            case _:
                return ControlNetModel.from_unet(pipe.unet, conditioning_embedding_out_channels=(8, 8, 16))

    made = other(case, CONTROL[case.family], controlnet=make)
    word = {"stable-diffusion": "image", "stable-diffusion-xl": "image", "altdiffusion": "image"}.get(
        case.family, "control_image"
    )
    case.differs(made, **{word: case.image()})


_SANA = (
    "in_channels", "out_channels", "num_attention_heads", "attention_head_dim", "num_cross_attention_heads",
    "cross_attention_head_dim", "cross_attention_dim", "caption_channels", "sample_size", "patch_size",
)  # fmt: skip


def ip_adapter(case: Case) -> None:
    pipe = case.copied()
    vision = CLIPVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=SIDE, patch_size=8,
        projection_dim=12,
    )  # fmt: skip
    torch.manual_seed(4)
    pipe.register_modules(
        image_encoder=CLIPVisionModelWithProjection(vision).eval(),
        feature_extractor=CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size=SIDE),
    )
    folder = case.root / "ip-adapter" / case.family
    folder.mkdir(parents=True, exist_ok=True)
    save_file(_ip_weights(pipe.unet), folder / "ip.safetensors")
    pipe.load_ip_adapter(folder, subfolder="", weight_name="ip.safetensors", image_encoder_folder=None)
    through = case.differs(pipe, ip_adapter_image=case.image())
    white = Image.new("RGB", (SIDE, SIDE), "white")
    assert not torch.equal(through, case.draw(pipe, ip_adapter_image=white))


def _ip_weights(unet: Any) -> dict[str, torch.Tensor]:
    """Return weights in the layout of h94/IP-Adapter: a projection to four tokens, keys and values of every second attention."""
    width, tokens = unet.config.cross_attention_dim, 4
    weights = {
        "image_proj.proj.weight": torch.randn(tokens * width, 12),
        "image_proj.proj.bias": torch.zeros(tokens * width),
        "image_proj.norm.weight": torch.ones(width),
        "image_proj.norm.bias": torch.zeros(width),
    }
    place = 1
    for name in unet.attn_processors:
        if "attn2" in name:
            hidden = unet.get_submodule(name.removesuffix(".processor")).to_q.out_features
            weights |= {f"ip_adapter.{place}.to_{each}_ip.weight": torch.randn(hidden, width) for each in "kv"}
            place += 2
    return weights
