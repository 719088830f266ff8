"""Methods whose encoder or denoiser learns: losses, what may not be touched, and what the loader makes of the result."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from hub.cli.commands import as_command
from hub.loader import load_pipeline
from hub.local import LocalHub
from trainers.cli import train

TINY = ("--base", "tiny-sd", "--encoder", "tiny-xlmr", "--corpus", "toy", "--steps", "9", "--device", "cpu")


def trained(hub: LocalHub, capsys: pytest.CaptureFixture[str], method: str, *arguments: str) -> Any:
    capsys.readouterr()
    command = as_command("train", train)
    given = [method, "--lang", "yo", *TINY, "--no-evaluate", "--push", *arguments, "--json"]
    command.main(args=given, standalone_mode=False)
    return json.loads(capsys.readouterr().out)


def drawn(pipe: Any, prompt: Any = "ajá", **settings: Any) -> torch.Tensor:
    pipe.set_progress_bar_config(disable=True)
    return pipe(
        prompt,
        num_inference_steps=2,
        guidance_scale=2.0,
        output_type="pt",
        generator=torch.Generator().manual_seed(3),
        **settings,
    ).images


@pytest.mark.parametrize("method", ["iap", "altdiffusion", "full", "lora", "prompt-tuning"])
def test_what_is_published_draws_otherwise_and_unloading_gives_the_base_back_bit_for_bit(
    method: str, hub: LocalHub, capsys: pytest.CaptureFixture[str]
) -> None:
    trained(hub, capsys, method)
    plain = load_pipeline("tiny-sd", hub=hub, device="cpu")
    pipe = load_pipeline("tiny-sd", adapter=f"{method}-yo", hub=hub, device="cpu")
    before = drawn(plain)
    assert not torch.equal(drawn(pipe), before)
    assert torch.equal(drawn(pipe, "dog", language="en"), drawn(plain, "dog")), "English goes the base's own way"
    assert not torch.equal(drawn(pipe), before)
    pipe.unload()
    assert torch.equal(drawn(pipe), before)
    assert pipe.unet.state_dict().keys() == plain.unet.state_dict().keys()
