"""Steps of diffusers."""

from __future__ import annotations

import torch
from diffusers import DiffusionPipeline, StableDiffusionPipeline, UNet2DConditionModel
from journey.steps import Run, step
from library_journey.tiny import pipeline, same
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict


@step("diffusers: `push_to_hub` of a pipeline, `DiffusionPipeline.from_pretrained`, a component by `subfolder`")
def push(run: Run) -> None:
    repo, made = f"{run.me}/pipeline", pipeline(run.folder / "words")
    made.push_to_hub(repo)
    found = DiffusionPipeline.from_pretrained(repo)
    assert isinstance(found, StableDiffusionPipeline)
    assert same(found.unet, made.unet) and same(found.text_encoder, made.text_encoder) and same(found.vae, made.vae)
    assert same(UNet2DConditionModel.from_pretrained(repo, subfolder="unet"), made.unet)
    assert run.api.model_info(repo).config["diffusers"]["_class_name"] == "StableDiffusionPipeline"


@step("diffusers: `load_lora_weights`, with and without a file name")
def load_lora(run: Run) -> None:
    made, repo = pipeline(run.folder / "other-words"), run.repo("style")
    made.unet.add_adapter(LoraConfig(r=2, init_lora_weights=False, target_modules=["to_q", "to_v"]), "style")
    layers = get_peft_model_state_dict(made.unet, adapter_name="style")
    StableDiffusionPipeline.save_lora_weights(run.folder / "style", unet_lora_layers=layers)
    run.api.upload_folder(repo_id=repo, folder_path=run.folder / "style")
    for options in ({}, {"weight_name": "pytorch_lora_weights.safetensors"}):
        fresh = pipeline(run.folder / f"fresh-{len(options)}")
        fresh.load_lora_weights(repo, adapter_name="style", **options)
        loaded = get_peft_model_state_dict(fresh.unet, adapter_name="style")
        assert loaded.keys() == layers.keys() and all(torch.equal(loaded[key], layers[key]) for key in layers)
