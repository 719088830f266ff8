"""Training reads caches: only those that a phase names, and no frozen model that made them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hub.bases.frozen import FrozenBase
from hub.encoders.text_encoder import TextEncoder
from tests.builders import imitated_device
from tests.builders.training.toy import ToyCorpus
from trainers.frozen.foundation import PIPELINE
from trainers.inputs.features import FROZEN, FeatureDataset, Store
from trainers.inputs.mixture import Mixture, collect_features
from trainers.inputs.release import release
from trainers.loop.method import Draw
from trainers.loop.sampler import generator_of
from trainers.methods import METHODS, get_plan

NAMES = [
    name
    for name in METHODS
    if get_plan(name).foundation is PIPELINE and not get_plan(name).reads_sentences and not get_plan(name).is_repository
]
CPU = torch.device("cpu")
META = torch.device("meta")


def opened(base_folder: Path, encoder_folder: Path, caches: Path, device: torch.device = CPU) -> FeatureDataset:
    return collect_features(
        ToyCorpus(),
        Mixture(("yo", "sw"), english_share=0.3),
        FrozenBase.open(base_folder, device),
        TextEncoder.from_folder(encoder_folder, device=device, dtype=torch.float32),
        length=8,
        store=Store(caches, "b", "e", quiet=True),
    )


@pytest.fixture(scope="module")
def caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("caches")


@pytest.mark.parametrize("name", NAMES)
def test_a_phase_reads_the_features_it_names_and_no_model_that_made_them(
    name: str, base_folder: Path, encoder_folder: Path, caches: Path
) -> None:
    plan = get_plan(name)
    for phase in plan.phases:
        if phase.optional:
            continue
        opened(base_folder, encoder_folder, caches).fill(phase.needs)
        features = opened(base_folder, encoder_folder, caches)
        module = plan.learner(features.base, features.encoder).module
        release(features, module, META)  # Whatever uses a weight there raises or gives no numbers.
        loss = phase.make(module, features).loss(Draw(0, torch.arange(1, 7), generator_of(1, "noise", 0, 0)))
        assert loss.total.isfinite()
        read = {need for need, attribute in FROZEN.items() if attribute in vars(features)}
        assert read == set(phase.needs), phase.name


def test_trained_parts_stay_and_frozen_ones_move(base_folder: Path, encoder_folder: Path, caches: Path) -> None:
    features = opened(base_folder, encoder_folder, caches)
    text_encoder, vae = features.base.readers
    release(features, torch.nn.ModuleList([text_encoder]), META)
    devices = {
        part: next(model.parameters()).device.type
        for part, model in {
            "text": text_encoder, "vae": vae, "encoder": features.encoder.model, "denoiser": features.base.denoiser
        }.items()
    }  # fmt: skip
    assert devices == {"text": "cpu", "vae": "meta", "encoder": "meta", "denoiser": "cpu"}


# The imitated device cannot compute the loss of `iap`.
@pytest.mark.parametrize("name", [name for name in NAMES if name != "iap"])
def test_two_steps_on_another_device_meet_no_tensor_that_was_left_on_the_cpu(
    name: str, base_folder: Path, encoder_folder: Path, tmp_path: Path
) -> None:
    device = imitated_device.device()
    features, plan = opened(base_folder, encoder_folder, tmp_path, device), get_plan(name)
    module = plan.learner(features.base, features.encoder).module.to(device)
    features.fill([need for phase in plan.phases if not phase.optional for need in phase.needs])
    release(features, module)
    for phase in plan.phases:
        if phase.optional:
            continue
        method = phase.make(module, features)
        for step in range(2):  # The second one was read ahead.
            loss = method.loss(Draw(step, torch.arange(1, 7), generator_of(1, "noise", step, 0))).total
            features.prefetch(torch.arange(1, 7))
            assert loss.device == device
            assert loss.isfinite()
