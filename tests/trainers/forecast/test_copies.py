"""A training step waits for no copy between host and device, on bases shaped like Stable Diffusion 1.5 and XL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from hub.bases.frozen import FrozenBase
from hub.encoders.text_encoder import TextEncoder
from tests.builders import imitated_device
from tests.builders.training.toy import ToyCorpus
from trainers.inputs.features import Store
from trainers.inputs.mixture import Mixture, collect_features
from trainers.inputs.release import release
from trainers.loop.method import Draw
from trainers.loop.sampler import generator_of
from trainers.methods import get_plan


@pytest.mark.parametrize("shape", ["sd15", "sdxl"])
@pytest.mark.parametrize("method", ["mulan", "pea"])
def test_a_step_waits_for_no_copy_and_reads_no_number(
    method: str, shape: str, original: Callable[[str], Path], encoder_folder: Path, tmp_path: Path
) -> None:
    device = imitated_device.device()
    base, plan = FrozenBase.open(original(shape), device), get_plan(method)
    encoder = TextEncoder.from_folder(encoder_folder, device=device, dtype=torch.float32)
    features = collect_features(
        ToyCorpus(), Mixture(("yo", "sw"), english_share=0.3), base, encoder, length=base.length,
        store=Store(tmp_path, shape, "e", quiet=True),
    )  # fmt: skip
    phase = plan.phases[-1]
    features.fill(phase.needs)
    module = plan.learner(base, encoder).module.to(device)
    release(features, module)
    step = phase.make(module, features)
    for number in range(2):  # The second one was read ahead, as in the loop.
        imitated_device.WAITS.clear()
        step.loss(Draw(number, torch.arange(1, 7), generator_of(1, "noise", number, 0)))
        features.prefetch(torch.arange(1, 7))
    assert imitated_device.WAITS == []
