"""Sample images during training: the same prompts from the same noise, without any effect on training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from hub.errors import InvalidRequest
from hub.loader import load_pipeline
from hub.local import LocalHub
from tests.builders.training.commands import TINY, json_of, run
from tests.builders.training.toy import ToyCorpus
from trainers.cli import train
from trainers.inputs.features import FeatureDataset
from trainers.loop.sampler import NOISE_STREAM, generator_of
from trainers.methods import METHODS, get_plan
from trainers.recipes.plan import Plan
from trainers.samples.generate_samples import GUIDANCE, generate_samples, with_prompts
from trainers.samples.samples import COUNT, choose_prompts, sample_sheet

pytestmark = pytest.mark.usefixtures("few_denoising_steps")


def folder_of(outcome: Any) -> Path:
    return Path(outcome["folder"]).parent


@pytest.mark.parametrize("method", ["mulan", "lora"])
def test_a_run_with_samples_ends_in_the_weights_of_one_without_bit_for_bit(
    method: str, hub: LocalHub, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (method, "--lang", "yo", "--lang", "sw", *TINY, "--no-evaluate", "--name")
    plain = json_of(capsys, train, *arguments, "plain")
    watched = json_of(capsys, train, *arguments, "watched", "--sample-every", "3", "--sample-prompt", "red mwezi")
    phases = [phase.name for phase in get_plan(method).phases if not phase.optional]
    for number, phase in enumerate(phases):
        ours, theirs = (folder_of(each) / f"{number}-{phase}" / "module.safetensors" for each in (watched, plain))
        assert ours.read_bytes() == theirs.read_bytes()
    assert not (folder_of(plain) / "samples").exists()
    sheets = sorted(path.name for path in (folder_of(watched) / "samples").iterdir())
    assert {name.partition("-")[0] for name in sheets} == set(phases)
    assert all(name.endswith(".png") for name in sheets)
    with Image.open(folder_of(watched) / "samples" / sheets[-1]) as image:
        texts = json.loads(image.text["prompts"])
        assert image.height > 3 * 128
    assert [language for language, _ in texts] == ["yo"] * COUNT + ["sw"] * COUNT + [""]
    assert texts[-1] == ["", "red mwezi"]
    events = EventAccumulator(str(folder_of(watched) / f"0-{phases[0]}"), size_guidance={"images": 0})
    events.Reload()
    assert [str(image.step) for image in events.Images("samples")] == [
        name.removesuffix(".png").rpartition("-")[2].lstrip("0") for name in sheets if name.startswith(phases[0])
    ]


@pytest.mark.parametrize("method", ["token-kd", "iap", "full"])
def test_a_sample_is_the_image_that_the_published_module_generates(
    method: str, hub: LocalHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = json_of(capsys, train, method, "--lang", "yo", *TINY, "--no-evaluate", "--sample-every", "100")
    pipe = load_pipeline("tiny-sd", adapter=Path(outcome["folder"]), hub=hub, device="cpu")
    pipe.set_progress_bar_config(disable=True)
    prompts = choose_prompts(ToyCorpus(), ["yo"], [])
    drawn = pipe(
        [prompt.text for prompt in prompts], num_inference_steps=4, guidance_scale=GUIDANCE, output_type="pt",
        generator=[generator_of(0, NOISE_STREAM, prompt.concept) for prompt in prompts],
    ).images  # fmt: skip
    last = max((folder_of(outcome) / "samples").iterdir(), key=lambda path: path.stat().st_mtime)
    title = f"{last.stem.partition('-')[0]}, step {int(last.stem.rpartition('-')[2])}"
    expected = np.asarray(sample_sheet(prompts, drawn, title), dtype=np.float32)
    found = np.asarray(Image.open(last), dtype=np.float32)
    # Published weights are in half precision.
    assert np.abs(found - expected).mean() < 1.5
    assert found[40:].std() > 5, "or else nothing was drawn"


def test_sampling_uses_no_global_generator_and_is_repeatable(features: FeatureDataset) -> None:
    torch.manual_seed(3)
    plan: Plan = get_plan("token-kd")
    module = plan.learner(features.base, features.encoder).module.eval()
    prompts = choose_prompts(ToyCorpus(), ["yo"], ["oòrùn"])
    before = torch.get_rng_state()
    first, second = (generate_samples(module, with_prompts(features, prompts), seed=4) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, second)
    assert first.shape == (len(prompts), 3, 32, 32)
    assert 0 <= first.min() < first.max() <= 1
    assert not torch.equal(first, generate_samples(module, with_prompts(features, prompts), seed=5))


def test_the_same_concepts_are_sampled_in_all_languages_that_have_them() -> None:
    prompts = choose_prompts(ToyCorpus(), ["yo", "sw", "en"], [])
    by_language = {tag: [p.concept for p in prompts if p.language == tag] for tag in ("yo", "sw", "en")}
    assert by_language["yo"] == by_language["sw"] == by_language["en"]
    assert len(set(by_language["yo"])) == COUNT
    with pytest.raises(
        InvalidRequest, match="no seen prompts in fr for sample images: add some with `--sample-prompt`"
    ):
        choose_prompts(ToyCorpus(), ["fr"], [])


def test_a_method_without_images_warns_in_one_line_and_trains(
    hub: LocalHub, capsys: pytest.CaptureFixture[str]
) -> None:
    run(train, "translate", "--lang", "yo", *TINY, "--no-evaluate", "--json", "--sample-every", "2")
    said = capsys.readouterr()
    assert "`translate` generates no images: `--sample-every` is ignored." in said.err.splitlines()
    assert not (folder_of(json.loads(said.out)) / "samples").exists()
    assert {name for name in METHODS if not get_plan(name).generates_images} == {
        "mclip", "mclip+", "memory", "mte", "translate",
    }  # fmt: skip


def test_a_sample_prompt_without_an_interval_is_refused(hub: LocalHub) -> None:
    with pytest.raises(InvalidRequest, match="`--sample-prompt` needs `--sample-every`"):
        run(train, "mulan", "--lang", "yo", *TINY, "--sample-prompt", "oòrùn")
