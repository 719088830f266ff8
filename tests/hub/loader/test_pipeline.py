"""A base with resident language modules is a diffusers pipeline like any other, and the base's own without them."""

from __future__ import annotations

import inspect
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    ControlNetModel,
    DDIMScheduler,
    EulerDiscreteScheduler,
    StableDiffusionControlNetPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
)
from PIL import Image

from hub.loader import load_pipeline


@pytest.fixture
def plain(base_folder: Path) -> StableDiffusionPipeline:
    """The base as diffusers loads it."""
    pipe = StableDiffusionPipeline.from_pretrained(base_folder, dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def test_without_a_module_images_are_the_bases_own_bit_for_bit(load: Any, plain: Any, draw: Any) -> None:
    assert torch.equal(draw(load(), ["a dog", "a cat"]), draw(plain, ["a dog", "a cat"]))


def test_a_module_changes_images_and_unload_restores_the_base_bit_for_bit(
    load: Any, plain: Any, draw: Any, make_module: Any
) -> None:
    before = draw(plain, "aja", negative_prompt="cat")
    pipe = load(make_module("mulan-yo"))
    assert not torch.equal(draw(pipe, "aja", negative_prompt="cat"), before)
    pipe.unload()
    assert pipe.get_active_adapters() == []
    assert torch.equal(draw(pipe, "aja", negative_prompt="cat"), before)


def test_english_is_encoded_by_the_base_bit_for_bit(load: Any, plain: Any, draw: Any, make_module: Any) -> None:
    pipe = load(make_module("mulan-yo"))
    assert torch.equal(draw(pipe, ["a dog", "cat"], language="en"), draw(plain, ["a dog", "cat"]))
    assert torch.equal(draw(pipe, "a dog", language="English"), draw(plain, "a dog"))


def test_the_pipeline_is_the_class_that_diffusers_names(load: Any, make_module: Any) -> None:
    pipe = load(make_module("mulan-yo"))
    assert isinstance(pipe, StableDiffusionPipeline)
    assert type(pipe).__name__ == "StableDiffusionPipeline"
    assert type(pipe) is type(load())
    parameters = inspect.signature(type(pipe).__call__).parameters
    assert "language" in parameters
    assert "guidance_scale" in parameters


def test_a_saved_pipeline_is_the_base_and_loads_in_plain_diffusers(
    load: Any, plain: Any, draw: Any, make_module: Any, tmp_path: Path
) -> None:
    load(make_module("mulan-yo")).save_pretrained(tmp_path / "saved")
    again = StableDiffusionPipeline.from_pretrained(tmp_path / "saved")
    again.set_progress_bar_config(disable=True)
    assert torch.equal(draw(again, "a dog"), draw(plain, "a dog"))


def test_the_module_runs_once_before_the_denoising_loop(load: Any, draw: Any, make_module: Any) -> None:
    pipe = load(make_module("mulan-yo"))
    (resident,) = pipe._prompt_encoder._module_cache.values()
    calls: list[int] = []
    resident.module.register_forward_hook(lambda module, inputs, output: calls.append(len(inputs[0])))
    draw(pipe, ["aja", "eye", "aja"], num_inference_steps=5)
    assert calls == [3]  # `aja`, `eye` and the empty negative prompt, once each


def test_negative_prompts_take_the_same_way_and_have_the_same_length(load: Any, make_module: Any) -> None:
    pipe = load(make_module("mulan-yo", module={"queries": 20}, conditioning={"length": 20}))
    positive, negative = pipe.encode_prompt(["aja", "eye"], pipe.device, 2, True, ["ile", ""])
    assert positive.shape == negative.shape == (4, 20, 32)
    swapped, _ = pipe.encode_prompt(["ile", ""], pipe.device, 1, False)
    torch.testing.assert_close(negative[::2], swapped, atol=1e-5, rtol=1e-5)


def test_several_images_per_prompt_are_of_that_prompt(load: Any, make_module: Any) -> None:
    pipe = load(make_module("mulan-yo"))
    tokens, _ = pipe.encode_prompt(["aja", "eye"], pipe.device, 2, False)
    assert torch.equal(tokens[0], tokens[1])
    assert torch.equal(tokens[2], tokens[3])
    assert not torch.equal(tokens[0], tokens[2])


def test_guidance_off_needs_no_negative_prompt(load: Any, draw: Any, make_module: Any) -> None:
    assert draw(load(make_module("mulan-yo")), "aja", guidance_scale=1.0).shape == (1, 16, 16, 3)


def test_embeddings_made_by_hand_are_taken_as_they_are(load: Any, draw: Any, make_module: Any) -> None:
    pipe = load(make_module("mulan-yo"))
    tokens, negative = pipe.encode_prompt("aja", pipe.device, 1, True)
    by_hand = draw(pipe, None, prompt_embeds=tokens, negative_prompt_embeds=negative)
    assert torch.equal(by_hand, draw(pipe, "aja"))


def test_callbacks_and_another_scheduler_work_as_in_diffusers(load: Any, draw: Any, make_module: Any) -> None:
    pipe = load(make_module("mulan-yo"))
    pipe.scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config)
    seen: list[int] = []

    def note(pipe: Any, step: int, time: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        seen.append(step)
        return tensors

    euler = draw(pipe, "aja", callback_on_step_end=note)
    assert seen == [0, 1]
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
    assert not torch.equal(euler, draw(pipe, "aja"))


@pytest.mark.parametrize("pipeline_class", [StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline])
def test_other_pipeline_classes_share_parts_and_modules(
    load: Any, draw: Any, make_module: Any, pipeline_class: type[Any]
) -> None:
    pipe = load(make_module("mulan-yo"))
    other = pipe.into(pipeline_class)
    other.set_progress_bar_config(disable=True)
    assert isinstance(other, pipeline_class)
    assert other.unet is pipe.unet
    image = Image.new("RGB", (16, 16), "green")
    masked = {"mask_image": Image.new("L", (16, 16), 255)} if pipeline_class is StableDiffusionInpaintPipeline else {}
    settings: dict[str, Any] = {"image": image, "num_inference_steps": 4, **masked}
    drawn = draw(other, "aja", **settings)
    assert other.get_active_adapters() == ["mulan-yo"]
    pipe.unload()
    assert not torch.equal(draw(other, "aja", **settings), drawn)


def test_a_controlnet_reads_the_modules_embeddings_too(load: Any, draw: Any, make_module: Any) -> None:
    pipe = load(make_module("mulan-yo"))
    controlnet = ControlNetModel.from_unet(pipe.unet, conditioning_embedding_out_channels=(8, 16))
    controlled = pipe.into(StableDiffusionControlNetPipeline, controlnet=controlnet)
    controlled.set_progress_bar_config(disable=True)
    image = Image.new("RGB", (16, 16), "green")
    yoruba, english = (draw(controlled, "aja", image=image, language=tag) for tag in ("yo", "en"))
    assert not torch.equal(yoruba, english)


def test_a_route_can_be_loaded_at_once(load: Any, make_module: Any) -> None:
    pipe = load(make_module("mulan-yo"), pipeline_class=StableDiffusionImg2ImgPipeline)
    assert isinstance(pipe, StableDiffusionImg2ImgPipeline)


def test_threads_sharing_a_pipeline_keep_their_languages_apart(load: Any, make_module: Any) -> None:
    pipe = load([make_module("mulan-yo"), make_module("mulan-sw", ("sw",), seed=3)])
    expected = {tag: pipe.encode_prompt("aja", pipe.device, 1, False, language=tag)[0] for tag in ("yo", "sw")}
    assert not torch.equal(expected["yo"], expected["sw"])
    found: dict[str, list[bool]] = {"yo": [], "sw": []}

    def speak(tag: str) -> None:
        from hub.bases.language_mixin import language_context

        for _ in range(20):
            with language_context(tag):
                found[tag].append(torch.equal(pipe.encode_prompt("aja", pipe.device, 1, False)[0], expected[tag]))

    threads = [threading.Thread(target=speak, args=(tag,)) for tag in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert all(found["yo"])
    assert all(found["sw"])


def test_weights_stored_in_half_precision_are_computed_in_float32_on_a_cpu(load: Any, make_module: Any) -> None:
    pipe = load(make_module("mulan-yo"))
    (resident,) = pipe._prompt_encoder._module_cache.values()
    assert pipe.unet.dtype == resident.dtype == next(resident.encoder.model.parameters()).dtype == torch.float32


def test_a_requested_dtype_is_that_of_all_parts(load: Any, make_module: Any) -> None:
    pipe = load(make_module("mulan-yo"), dtype=torch.bfloat16)
    (resident,) = pipe._prompt_encoder._module_cache.values()
    assert pipe.unet.dtype == resident.dtype == torch.bfloat16


def test_modules_with_the_same_encoder_share_it(load: Any, make_module: Any) -> None:
    pipe = load([make_module("mulan-yo"), make_module("mulan-sw", ("sw",), seed=3)])
    first, second = pipe._prompt_encoder._module_cache.values()
    assert first.encoder.model is second.encoder.model


@pytest.mark.gpu
@pytest.mark.skipif(
    not torch.cuda.is_available(), reason="there is no CUDA device: what only a GPU shows is shown on one"
)
def test_on_a_gpu_weights_go_to_it_as_stored(base_folder: Path, encoder_folder: Path, make_module: Any) -> None:
    pipe = load_pipeline(base_folder, make_module("mulan-yo"), encoder=encoder_folder)
    (resident,) = pipe._prompt_encoder._module_cache.values()
    assert pipe.unet.device.type == resident.encoder.device.type == "cuda"
    assert pipe.unet.dtype == resident.dtype == torch.float16
    assert pipe("aja", num_inference_steps=2).images[0].size == (16, 16)
