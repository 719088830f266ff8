"""Every method trains two steps on the small base of every family, or is refused in one line before the first step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from hub.errors import DoesNotFit, HubError
from hub.loader import load_pipeline
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.publish import publish
from tests.builders.models.bases import SMALL
from tests.builders.models.families import save_base
from tests.builders.training import toy
from tests.builders.training.commands import json_of, run
from tests.builders.training.flow_bases import FLOWS, PIXELS, save_flow_base
from tests.trainers.methods.families import MASKED, PAGE, REASONS, TITLES, reason_for, render_page
from trainers.cli import train
from trainers.methods import METHODS

TWO_STEPS = ("--encoder", "tiny-xlmr", "--corpus", "toy", "--steps", "2", "--device", "cpu", "--no-evaluate",
             "--set", "batch_size=2")  # fmt: skip

CARDS = Path(__file__).parents[3] / "cards" / "bases"
DRAWN = {"mulan", "pea", "bottleneck", "lora", "full", "iap", "altdiffusion", "prompt-tuning"}
"""Methods whose modules are loaded and draw; those of the others have the same form, or tests of their own."""


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw small images, and train on four words: bases pad each text to as many as 512 tokens, and two steps read four texts."""
    monkeypatch.setattr("hub.bases.sizes.SIDE", PIXELS)
    monkeypatch.setattr(toy, "WORDS", {word: toy.WORDS[word] for word in ("dog", "cat", *toy.HELD_OUT)})


def saved(family: str, folder: Path) -> Path:
    return save_flow_base(family, folder) if family in FLOWS else save_base(family, folder / family)


@pytest.mark.parametrize("family", TITLES)
def test_every_method_trains_two_steps_or_is_refused_in_one_line(
    family: str, hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = saved(family, tmp_path / "bases")
    pipe = load_pipeline(base, hub=hub, device="cpu")
    pipe.set_progress_bar_config(disable=True)
    english = drawn(family, pipe, "en")
    for method in METHODS:
        out = tmp_path / "runs" / method
        command = (method, "--lang", "yo", "--base", str(base), "--out", str(out), *TWO_STEPS)
        number = reason_for(method, family)
        if number is None:
            published = ("--push",) if method == "lora" else ()  # the others' files are published in tests of their own
            outcome: Any = json_of(capsys, train, *command, *published)
            module = Path(outcome["folder"])
            assert list((module / family).glob("**/*.safetensors")), method
            if method in DRAWN:
                config = json.loads((module / family / "config.json").read_text())
                assert config["conditioning"]["mask"] is (family in MASKED and method != "lora")
                pipe.load_adapter(module)
                assert not torch.allclose(drawn(family, pipe, "yo"), english), method
                pipe.unload()
            continue
        with pytest.raises(HubError) as caught:
            run(train, *command)
        message = str(caught.value)
        assert REASONS[number][0] in message, f"{method}: {message}"
        assert "train `" in message, "the message names what can be trained"
        assert "\n" not in message
        assert not out.exists() or not list(out.glob("**/*.safetensors"))
    assert torch.equal(drawn(family, pipe, "en"), english), "nothing is left of the modules"


def drawn(family: str, pipe: Any, language: str) -> torch.Tensor:
    settings: dict[str, Any] = {"height": PIXELS, "width": PIXELS, **(SMALL[family].call if family in SMALL else {})}
    if family in {"sana", "pixart"}:
        settings["use_resolution_binning"] = False
    generator = torch.Generator().manual_seed(0)
    images: torch.Tensor = pipe(
        prompt="ajá", num_inference_steps=1, output_type="pt", language=language, generator=generator, **settings
    ).images
    return images


@pytest.mark.usefixtures("few_denoising_steps")
def test_samples_are_generated_during_training_by_euler_steps(
    hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, out = saved("stable-diffusion-3", tmp_path), tmp_path / "run"
    run(train, "pea", "--lang", "yo", "--base", str(base), "--out", str(out), *TWO_STEPS, "--sample-every", "1")
    assert list(out.glob("**/*.png")) or list(out.glob("**/*.webp"))


def test_an_autoencoder_without_a_posterior_is_refused_if_latents_are_sampled_from_it(
    hub: LocalHub, tmp_path: Path
) -> None:
    base, out = saved("sana", tmp_path), tmp_path / "run"
    with pytest.raises(DoesNotFit, match="no posterior: omit `sample_latents`") as caught:
        run(
            train,
            "pea",
            "--lang",
            "yo",
            "--base",
            str(base),
            "--out",
            str(out),
            *TWO_STEPS,
            "--set",
            "sample_latents=true",
        )
    assert "\n" not in str(caught.value)
    assert not out.exists()


def test_a_family_that_is_not_trained_names_those_that_are(
    hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(5)
    SMALL["kolors"].make().save_pretrained(tmp_path / "kolors")
    with pytest.raises(DoesNotFit, match="training only supports bases of class .*FluxPipeline") as caught:
        run(train, "mulan", "--lang", "yo", "--base", str(tmp_path / "kolors"), *TWO_STEPS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("base", "method"), [("sdxl", "prompt-tuning"), ("flux1-dev", "altdiffusion"), ("sana", "token-kd")]
)
def test_a_misfit_of_a_base_is_told_from_its_card_before_its_weights_are_missed(
    base: str, method: str, hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(CARDS / base, ArtifactName("linguahub", base), hub.registry, hub.store)
    monkeypatch.setattr("trainers.frozen.find_frozen.Sources.base", lambda *_: pytest.fail("the base is looked for"))
    with pytest.raises(DoesNotFit, match=rf"`{method}` .*`{base}` .*: train `") as caught:
        run(train, method, "--lang", "yo", "--base", base, *TWO_STEPS)
    assert "\n" not in str(caught.value)


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == render_page(), "run `python -m tests.trainers.methods.families`"
