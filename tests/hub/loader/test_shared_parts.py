"""Modules stay when diffusers builds another pipeline from the parts of a loaded one, and when a pipeline is copied."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    AutoPipelineForImage2Image,
    AutoPipelineForInpainting,
    AutoPipelineForText2Image,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
)
from torch import Tensor

from hub.bases.language_mixin import LanguageMixin
from tests.builders.models.tiny import tokens

WAYS: dict[str, tuple[Callable[[Any], Any], type[Any]]] = {
    "from_pipe": (
        lambda pipe: StableDiffusionImg2ImgPipeline.from_pipe(pipe, dtype=pipe.dtype),
        StableDiffusionImg2ImgPipeline,
    ),
    "from_pipe of its own class": (lambda pipe: type(pipe).from_pipe(pipe), StableDiffusionPipeline),
    "components": (lambda pipe: StableDiffusionImg2ImgPipeline(**pipe.components), StableDiffusionImg2ImgPipeline),
    "text2image": (AutoPipelineForText2Image.from_pipe, StableDiffusionPipeline),
    "image2image": (AutoPipelineForImage2Image.from_pipe, StableDiffusionImg2ImgPipeline),
    "inpainting": (AutoPipelineForInpainting.from_pipe, StableDiffusionInpaintPipeline),
    "into": (lambda pipe: pipe.into(StableDiffusionImg2ImgPipeline), StableDiffusionImg2ImgPipeline),
    "image2image and back": (
        lambda pipe: AutoPipelineForText2Image.from_pipe(AutoPipelineForImage2Image.from_pipe(pipe)),
        StableDiffusionPipeline,
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_pipeline_of_the_same_parts_keeps_the_module(way: str, load: Any, make_module: Any) -> None:
    pipe = load(make_module("mulan-yo"))
    expected = tokens(pipe, "aja", language="yo")
    build, wanted = WAYS[way]
    other = build(pipe)
    assert isinstance(other, wanted)
    assert type(other).__name__ == wanted.__name__
    assert torch.equal(tokens(other, "aja", language="yo"), expected)
    other.load_adapter(make_module("mulan-sw", ("sw",), seed=3))  # they share modules as they share parts
    assert pipe.get_active_adapters() == other.get_active_adapters() == ["mulan-yo", "mulan-sw"]
    other.unload()
    assert other.get_active_adapters() == pipe.get_active_adapters() == []


def test_a_pipeline_of_other_parts_stays_plain(load: Any, make_module: Any, base_folder: Path) -> None:
    load(make_module("mulan-yo"))
    plain = StableDiffusionPipeline.from_pretrained(base_folder)
    assert type(plain) is StableDiffusionPipeline
    assert type(StableDiffusionImg2ImgPipeline(**plain.components)) is StableDiffusionImg2ImgPipeline


def test_parts_of_another_family_stay_plain(load: Any, make_module: Any) -> None:
    pipe = load(make_module("mulan-yo"))
    more = {"text_encoder_2": pipe.text_encoder, "tokenizer_2": pipe.tokenizer}
    wanted = ("vae", "text_encoder", "tokenizer", "unet", "scheduler")
    other = StableDiffusionXLPipeline(**{name: pipe.components[name] for name in wanted}, **more)
    assert not isinstance(other, LanguageMixin)


@pytest.mark.parametrize("kind", ["plain", "lora", "weights", "virtual tokens", "per step"])
def test_a_copy_has_its_own_parts_and_modules(
    kind: str, load: Any, draw: Any, make_change: Callable[[str], Path]
) -> None:
    pipe = load(make_change(kind), dtype=torch.float32)
    on, off = (draw(pipe, "aja", language=each) for each in ("yo", "en"))
    draw(pipe, "aja", language="yo")
    made = copy.deepcopy(pipe)
    assert made.unet is not pipe.unet
    pipe.unload()  # the copy does not notice
    for name, part in (("on", on), ("off", off)):
        assert torch.equal(draw(made, "aja", language="yo" if name == "on" else "en"), part)
    assert torch.equal(draw(pipe, "aja"), off)
    made._prompt_encoder._embeddings.clear()
    assert torch.equal(draw(AutoPipelineForText2Image.from_pipe(made), "aja", language="yo"), on)
    made.unload()
    assert torch.equal(draw(made, "aja"), off)


def test_a_copy_can_load_modules_and_be_moved_alone(load: Any, make_module: Any) -> None:
    pipe = load(make_module("mulan-yo"), dtype=torch.float32)
    made = copy.deepcopy(pipe)
    made.load_adapter(make_module("mulan-sw", ("sw",), seed=3))
    assert pipe.get_active_adapters() == ["mulan-yo"]
    theirs, ours = (each._prompt_encoder._module_cache["mulan-yo"].encoder.model for each in (pipe, made))
    assert theirs is not ours
    assert made._prompt_encoder._module_cache["mulan-sw"].encoder.model is ours  # shared within the copy


class WritesIntoItsPrompts(StableDiffusionPipeline):
    """Changes the caller's lists, as Z-Image's pipelines do."""

    def encode_prompt(self, prompt: Any, device: Any, num_images_per_prompt: int, do_classifier_free_guidance: bool,
                      negative_prompt: Any = None, prompt_embeds: Tensor | None = None, **settings: Any) -> Any:  # fmt: skip
        for texts in (prompt, negative_prompt):
            for place in range(len(texts) if isinstance(texts, list) else 0):
                texts[place] = f"a photo of {texts[place]}"
        return super().encode_prompt(
            prompt,
            device,
            num_images_per_prompt,
            do_classifier_free_guidance,
            negative_prompt,
            prompt_embeds,
            **settings,
        )


@pytest.mark.parametrize("language", [["en", "en"], ["yo", "en"], "yo"])
def test_the_callers_lists_are_never_changed(language: Any, load: Any, make_module: Any, draw: Any) -> None:
    pipe = load(make_module("mulan-yo"), pipeline_class=WritesIntoItsPrompts)
    prompts, negative = ["aja", "dog"], ["eye", "bird"]
    draw(pipe, prompts, negative_prompt=negative, language=language)
    assert (prompts, negative) == (["aja", "dog"], ["eye", "bird"])


def test_the_readers_of_one_text_are_asked_as_of_a_list(load: Any, make_module: Any) -> None:
    pipe = load(make_module("mulan-yo"))
    assert pipe.readers("aja", language="yo") == pipe.readers(["aja"], language="yo") == [("mulan-yo",)]
    assert pipe.translations("aja", language="yo") == [""]
