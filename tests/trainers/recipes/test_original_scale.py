"""Every recipe of the original scale, two steps of it, on small random models of the classes it was made for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import PixArtTransformer2DModel

from hub import load_retriever
from hub.bases.families.pixart import FrozenPixArt, PixArt
from hub.bases.frozen import FrozenBase
from hub.cli.commands import as_command
from hub.conditioning import Conditioning
from hub.encoders.text_encoder import TextEncoder
from hub.errors import DoesNotFit
from hub.loader import load_pipeline
from hub.local import LocalHub
from hub.systems.architectures import build
from hub.weights.strict import load_weights
from tests.builders.models.families import save_base
from tests.builders.models.originals import ENCODER, INNER, MAKERS, POOLED, SECOND, WIDTH, pixart
from tests.builders.training.flow_bases import PIXELS, save_flow_base
from trainers.cli import train
from trainers.recipes.recipe_file import read_recipe, recipe_names

CPU = torch.device("cpu")

ARCHITECTURES = {
    "mulan-sd15": ("resampler", WIDTH, 120, None, False),
    "mulan-sd21": ("resampler", SECOND, 120, None, False),
    "mulan-sdxl": ("resampler-xl", WIDTH + SECOND, 120, POOLED, False),
    "mulan-pixart": ("caption-projection", INNER, 80, None, True),
    "pea-sd15": ("projector", WIDTH, 77, None, False),
    "pea-sdxl": ("projector", WIDTH + SECOND, 77, POOLED, False),
    "token-kd": ("projector", WIDTH, 8, None, False),
}
"""Architecture, width, tokens, pooled width and mask that each recipe must produce."""


def shape_of(recipe: str) -> str:
    return "sd15" if recipe == "token-kd" else recipe.rpartition("-")[2]


@pytest.mark.parametrize("recipe", ARCHITECTURES)
def test_two_steps_of_a_recipe_write_a_variant_with_its_output_shape(
    recipe: str, hub: LocalHub, original: Callable[[str], Path], qllama_folder: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    base, method = original(shape_of(recipe)), "token-kd" if recipe == "token-kd" else recipe.partition("-")[0]
    # A tiny base reads 8 tokens: tensors compared token by token must be as long. Muon takes seconds for a layer of 3072.
    shorter = ["--set", "prompt.length=8", "--set", "module.hidden_width=64"] if recipe == "token-kd" else []
    arguments = [
        method, "--recipe", recipe, "--lang", "yo", "--base", str(base), "--encoder", str(qllama_folder), "--corpus", "toy",
        "--device", "cpu", "--no-evaluate", "--json", "--out", str(tmp_path / "run"), "--set", "steps=2", "--set",
        "batch_size=2", "--set", "precision=no", *shorter,
    ]  # fmt: skip
    as_command("train", train).main(args=arguments, standalone_mode=False)
    outcome = json.loads(capsys.readouterr().out)
    variant = Path(outcome["folder"]) / base.name
    config = json.loads((variant / "config.json").read_text(encoding="utf-8"))
    architecture, width, length, pooled_width, mask = ARCHITECTURES[recipe]
    assert config["architecture"] == architecture
    assert config["conditioning"] == {"width": width, "length": length, "pooled_width": pooled_width, "mask": mask}
    assert (config["encoder"]["name"], config["base"]["name"]) == ("tiny-qllama", base.name)
    assert all(torch.isfinite(torch.tensor(loss)) for losses in outcome["losses"].values() for loss in losses.values())
    module = build(architecture, config["module"])
    load_weights(module, variant / "model.safetensors", what=recipe)
    rule = config["prompt"]
    kept = rule["length"] - len(rule["drop"])
    found = module.float()(torch.randn(2, kept, ENCODER), torch.ones(2, kept, dtype=torch.bool))
    assert found.tokens_BLC.shape == (2, length, width)
    assert (None if found.pooled_BP is None else found.pooled_BP.shape[1]) == pooled_width


OTHERS = {
    "altdiffusion-m18": ("altdiffusion", "sd21", {"model.safetensors", "encoder", "unet"}),
    "full-sd15": ("full", "sd15", {"model.safetensors", "encoder", "unet"}),
    "iap-sd15": ("iap", "sd15", {"model.safetensors", "encoder"}),
    "lora-sd15": ("lora", "sd15", {"pytorch_lora_weights.safetensors"}),
}
"""Method, base and the contents of a variant besides config.json, of recipes that train an encoder or denoiser."""
RETRIEVAL = {"mclip": "mclip", "mclip-mte": "mte"}
"""Method of recipes for a dual encoder."""
LANGUAGE_MODEL = {f"lora-{family}": family for family in ("flux2-klein", "qwen-image", "z-image")}
"""Family of recipes for a LoRA of a language model that a base reads."""
FLOW = {"pea-flux1": "flux", "pea-sd35": "stable-diffusion-3"}
"""Family of recipes for a base that is trained through flow matching."""
SHORT = ("--set", "prompt.length=8", "--set", "steps=2", "--set", "batch_size=8", "--set", "precision=no")
"""Tiny models have 8 tokens; phases, options and everything else are the recipe's."""
FEW = ("--set", "batch_size=2")
"""For bases that read hundreds of tokens, however small they are."""


def ordered(capsys: pytest.CaptureFixture[str], recipe: str, method: str, base: Path, *more: str) -> dict[str, Any]:
    """Train two steps of every phase and return the output of `hub train --json`; all losses must be finite."""
    arguments = [
        method, "--recipe", recipe, "--lang", "yo", "--base", str(base), "--corpus", "toy", "--device", "cpu", "--no-evaluate",
        "--json", *SHORT, *more,
    ]  # fmt: skip
    as_command("train", train).main(args=arguments, standalone_mode=False)
    outcome: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert set(outcome["losses"]) == set(read_recipe(recipe).changes.only)
    assert all(torch.isfinite(torch.tensor(loss)) for losses in outcome["losses"].values() for loss in losses.values())
    return outcome


@pytest.mark.parametrize("recipe", OTHERS)
def test_two_steps_of_a_recipe_that_trains_encoder_or_denoiser_can_be_loaded_and_generate(
    recipe: str,
    hub: LocalHub,
    original: Callable[[str], Path],
    encoder_folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    method, shape, files = OTHERS[recipe]
    base = original(shape)
    folder = Path(ordered(capsys, recipe, method, base, "--encoder", str(encoder_folder))["folder"])
    assert {path.name for path in (folder / base.name).iterdir()} == files | {"config.json"}
    pipe = load_pipeline(base, adapter=folder, hub=hub, device="cpu")
    pipe.set_progress_bar_config(disable=True)
    width = {"sd15": WIDTH, "sd21": SECOND}[shape]
    assert pipe.encode_prompt("ajá", CPU, 1, False)[0].shape == (1, 8, width)

    def drawn(language: str) -> torch.Tensor:
        generator = torch.Generator().manual_seed(3)
        settings = {"num_inference_steps": 2, "output_type": "latent", "height": 32, "width": 32}
        latents: torch.Tensor = pipe("ajá", language=language, generator=generator, **settings).images
        return latents

    assert drawn("yo").isfinite().all()
    assert not torch.equal(drawn("yo"), drawn("en")), "English goes the base's own way"


@pytest.mark.parametrize("recipe", RETRIEVAL)
def test_two_steps_of_a_recipe_for_retrieval_on_clip_and_xlm_r_embed_texts(
    recipe: str, hub: LocalHub, judge_folder: Path, encoder_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Twelve layers 768 wide are what is not tiny about it.
    smaller = ("--set", "module.decoder_layers=3", "--set", "module.decoder_width=36") if recipe == "mclip-mte" else ()
    outcome = ordered(capsys, recipe, RETRIEVAL[recipe], judge_folder, "--encoder", str(encoder_folder), *smaller)
    folder = Path(outcome["folder"])
    if recipe == "mclip-mte":
        learnt = TextEncoder.from_folder(folder, dtype=torch.float32).encode(["ajá"], 8)[0]
        before = TextEncoder.from_folder(encoder_folder, dtype=torch.float32).encode(["ajá"], 8)[0]
        assert learnt.shape == before.shape
        return
    config = json.loads((folder / judge_folder.name / "config.json").read_text(encoding="utf-8"))
    assert config["module"]["attention_dropout"] == 0.1
    assert (config["module"]["layers"], config["module"]["dropout"], config["module"]["pool"]) == (2, 0.3, "last")
    retriever = load_retriever(judge_folder, adapter=folder, hub=hub, device="cpu")
    assert retriever.embed_texts(["ajá", "dog"]).shape == (2, 24)


@pytest.mark.parametrize("recipe", FLOW)
def test_two_steps_of_a_recipe_through_flow_matching_write_a_projector_that_loads(
    recipe: str, hub: LocalHub, encoder_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = save_base(FLOW[recipe], tmp_path / FLOW[recipe])
    folder = Path(ordered(capsys, recipe, "pea", base, "--encoder", str(encoder_folder), *FEW)["folder"])
    pipe = load_pipeline(base, adapter=folder, hub=hub, device="cpu")
    assert pipe.encode_prompt("ajá", None, None, language="yo")[0].isfinite().all()


@pytest.mark.parametrize("recipe", LANGUAGE_MODEL)
def test_two_steps_of_a_recipe_for_a_language_model_write_a_lora_that_reads(
    recipe: str, hub: LocalHub, encoder_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("hub.bases.sizes.SIDE", PIXELS)
    base = save_flow_base(LANGUAGE_MODEL[recipe], tmp_path)
    folder = Path(ordered(capsys, recipe, "lora", base, "--encoder", str(encoder_folder), *FEW)["folder"])
    assert {path.name for path in (folder / base.name).iterdir()} == {"config.json", "text_encoder"}
    pipe = load_pipeline(base, adapter=folder, hub=hub, device="cpu")
    own, theirs = (pipe.encode_prompt("ajá", language=language)[0][0] for language in ("en", "yo"))
    assert own.shape == theirs.shape
    assert not torch.equal(own, theirs)


def test_every_recipe_is_tried_here() -> None:
    assert set(recipe_names()) == {*ARCHITECTURES, *OTHERS, *RETRIEVAL, *FLOW, *LANGUAGE_MODEL}


@pytest.mark.parametrize("name", MAKERS)
def test_a_frozen_base_has_the_embeddings_of_its_pipeline(name: str, original: Callable[[str], Path]) -> None:
    import diffusers

    base = FrozenBase.open(original(name), CPU)
    pipeline = getattr(diffusers, json.loads((original(name) / "model_index.json").read_text())["_class_name"])
    said: list[torch.Tensor] = []
    pipe = pipeline.from_pretrained(original(name))
    pipe.set_progress_bar_config(disable=True)
    denoiser = pipe.transformer if name == "pixart" else pipe.unet

    def listen(_module: Any, arguments: Any, settings: Any, output: Any) -> None:
        add_noise = arguments[0] if arguments else settings["hidden_states"]
        steps = arguments[1] if len(arguments) > 1 else settings["timestep"]
        said.extend([add_noise, steps, output[0]])

    denoiser.register_forward_hook(listen, with_kwargs=True)
    settings = (
        {"use_resolution_binning": False, "clean_caption": False, "height": 32, "width": 32} if name == "pixart" else {}
    )
    pipe("dog", num_inference_steps=2, guidance_scale=1.0, output_type="latent", **settings)
    noised_BKHW, steps, expected_BKHW = said[:3]
    found_BKHW = base.predict(noised_BKHW, steps.reshape(-1)[:1], *base.read(["dog"])[:3])
    assert base.side == 32
    # Plain attention in the place of the fused kernel: another order of summation.
    torch.testing.assert_close(found_BKHW, expected_BKHW[:, :4], atol=1e-5, rtol=1e-4)


def test_images_of_another_size_are_resized_for_the_bases_latents(original: Callable[[str], Path]) -> None:
    base = FrozenBase.open(original("sdxl"), CPU)
    assert base.latents(torch.zeros(2, 3, 50, 50, dtype=torch.uint8)).shape == (2, *base.latent_shape)


def test_a_module_without_a_pooled_embedding_is_refused_by_a_base_that_needs_one(
    original: Callable[[str], Path],
) -> None:
    base = FrozenBase.open(original("sdxl"), CPU)
    with pytest.raises(DoesNotFit, match="reads a pooled vector of width 40"):
        base.predict(torch.randn(1, 4, 8, 8), torch.tensor([3]), torch.randn(1, 5, WIDTH + SECOND))


def test_the_large_pixart_is_told_the_size_of_its_images() -> None:
    torch.manual_seed(0)
    transformer = PixArtTransformer2DModel(
        num_attention_heads=3, attention_head_dim=8, in_channels=4, out_channels=8, num_layers=1, sample_size=8,
        cross_attention_dim=24, caption_channels=20, norm_num_groups=4, use_additional_conditions=True,
    )  # fmt: skip
    pipeline = pixart(None)
    pipeline.register_modules(transformer=transformer)
    caption_projection = transformer.caption_projection
    base = FrozenPixArt(PixArt(), pipeline, Conditioning(width=24, mask=True), CPU)
    add_noise, steps, states = torch.randn(2, 4, 8, 8), torch.tensor([3, 700]), torch.randn(2, 5, 20)
    found = base.predict(add_noise, steps, caption_projection(states), mask_BL=torch.ones(2, 5, dtype=torch.bool))
    transformer.caption_projection = caption_projection
    sizes = {"resolution": torch.full((2, 2), 32.0), "aspect_ratio": torch.ones(2, 1)}
    expected = transformer(
        add_noise, states, steps, added_cond_kwargs=sizes, encoder_attention_mask=torch.ones(2, 5)
    ).sample
    torch.testing.assert_close(found, expected[:, :4])
