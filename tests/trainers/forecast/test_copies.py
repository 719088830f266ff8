"""A training step waits for few copies between host and device, on bases shaped like Stable Diffusion 1.5 and XL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

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

COPIES = ("aten::_to_copy", "aten::copy_")
ALLOWED = {"mulan": 3, "pea": 4}
"""Copies that a step waits for, from memory that is not page-locked: masks, places and steps of a batch, a few bytes each."""


class Waits(TorchDispatchMode):
    """Counts copies between devices without `non_blocking`, and numbers that are read from the device."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self._device = device
        self.found: Counter[str] = Counter()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        answer, name = func(*args, **kwargs), func._schema.name
        places = {each.device for each in (*args, answer) if isinstance(each, Tensor)}
        blocking = not (kwargs.get("non_blocking") or (name == "aten::copy_" and len(args) > 2 and args[2]))
        if name in COPIES and self._device in places and len(places) > 1 and blocking:
            self.found[name] += 1
            self.bytes += answer.nbytes
        if name == "aten::_local_scalar_dense" and self._device in places:
            self.found["a number is read"] += 1
        return answer


@pytest.mark.parametrize("shape", ["sd15", "sdxl"])
@pytest.mark.parametrize("method", ["mulan", "pea"])
def test_a_step_waits_for_a_few_small_copies(
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
        with Waits(device) as waits:
            step.loss(Draw(number, torch.arange(1, 7), generator_of(1, "noise", number, 0))).total.backward()
        features.prefetch(torch.arange(1, 7))
    assert waits.found["a number is read"] == 0
    assert sum(waits.found.values()) <= ALLOWED[method], waits.found
    assert waits.bytes < 1 << 14, "no latent and no state is waited for"
