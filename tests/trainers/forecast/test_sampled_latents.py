"""A forecast of a run that samples latents from the posterior counts both its mean and its deviation."""

from __future__ import annotations

from pathlib import Path

import torch

from hub.bases.frozen import FrozenBase
from hub.encoders.text_encoder import TextEncoder
from tests.builders.training.toy import ToyCorpus
from trainers.forecast.planned_features import without_values
from trainers.forecast.weightless import Weightless
from trainers.inputs.features import Store
from trainers.inputs.mixture import Mixture, collect_features


def test_planned_latents_of_a_posterior_have_twice_the_channels_and_are_sampled_in_the_base_s_shape(
    base: FrozenBase, encoder: TextEncoder, tmp_path: Path
) -> None:
    for sampled in (False, True):
        features = collect_features(
            ToyCorpus(), Mixture(("yo",)), base, encoder, length=8, store=Store(tmp_path, "b", "e", quiet=True),
            sample_latents=sampled,
        )  # fmt: skip
        channels, *sides = base.latent_shape
        planned = without_values(features, ["latents"], Weightless(is_gpu=False))
        drawn = planned.latents(torch.tensor([1, 2]), torch.Generator().manual_seed(0))
        assert planned.latent_rows[0][torch.tensor([1])].shape == (1, (1 + sampled) * channels, *sides)
        assert drawn.shape == (2, channels, *sides)
