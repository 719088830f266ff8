"""Two processes divide the caches of buckets, and take parts of one shape of each batch."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from hub.bases.frozen import FrozenBase
from hub.encoders.text_encoder import TextEncoder
from tests.builders.training import processes as launching
from tests.builders.training.shaped_images import shaped_features, shaped_folder
from trainers.inputs.features import FeatureDataset
from trainers.inputs.latents.cropping import Cropping
from trainers.loop.distributed import open_accelerator, process_place
from trainers.loop.loop import train
from trainers.loop.method import Draw, Loss
from trainers.loop.recipe import Recipe
from trainers.loop.sampler import GroupedSampler

CROPPING = Cropping(random_crops=2, aspect_buckets=True)
RECIPE = Recipe(steps=8, batch_size=4, learning_rate=1e-3, precision="no", seed=3)


class Reading:
    """A method that reads images, and remembers which and in which shape."""

    def __init__(self, features: FeatureDataset) -> None:
        self.module: nn.Module = nn.Linear(1, 1)
        self.example_count = len(features.weights_N)
        self.example_weights: Tensor | None = features.weights_N
        self.example_groups = features.bucket_N
        self.drawn: list[tuple[list[int], list[int]]] = []
        self._features = features

    def loss(self, draw: Draw) -> Loss:
        latents = self._features.images(draw.indices_B, draw.generator).latents_BKHW
        self.drawn.append((draw.indices_B.tolist(), list(latents.shape)))
        return Loss(self.module(latents.mean().reshape(1, 1)).square().mean(), {})


def read(images: Path, base_folder: Path, encoder_folder: Path) -> None:
    """Fill the caches and read batches in one process; write what it encoded and drew."""
    accelerator = open_accelerator("no", "cpu")
    base: Any = FrozenBase.open(base_folder, torch.device("cpu"))
    features = shaped_features(images, base, TextEncoder.from_folder(encoder_folder, dtype=torch.float32), CROPPING)
    encoded, encode = [0], base.latents

    def listen(*arguments: Any, **settings: Any) -> Tensor:
        time.sleep(0.3)
        encoded[0] += len(arguments[0])
        found: Tensor = encode(*arguments, **settings)
        return found

    base.latents = listen
    accelerator.wait_for_everyone()  # One of them may have opened its models earlier.
    features.fill(["latents"])
    method = Reading(features)
    rank, _ = process_place()
    train(method, RECIPE, images.parent / "run", quiet=True, device="cpu")
    (images.parent / f"read-{rank}.json").write_text(json.dumps([encoded[0], method.drawn]))


@pytest.mark.slow
def test_two_processes_divide_the_buckets_and_each_batch(
    tmp_path: Path, original: Callable[[str], Path], encoder: TextEncoder, encoder_folder: Path
) -> None:
    images = shaped_folder(tmp_path / "own")
    launching.launch([(__name__, "read", (images, original("sdxl"), encoder_folder))], processes=2)
    (first, own), (second, other) = (json.loads((tmp_path / f"read-{rank}.json").read_text()) for rank in (0, 1))
    assert first + second == 2 * 12, "each crop is encoded once"
    assert min(first, second) >= 6, "by both"
    base = FrozenBase.open(original("sdxl"), torch.device("cpu"))
    features = shaped_features(images, base, encoder, CROPPING)
    assert features.bucket_N is not None
    sampler = GroupedSampler(features.bucket_N, features.weights_N, 4, RECIPE.seed, parts=1, processes=2)
    for step in range(RECIPE.steps):
        assert own[step][1] == other[step][1], "the same shape at the same time"
        assert own[step][0] == sampler.draw(step)[0::2].tolist()
        assert other[step][0] == sampler.draw(step)[1::2].tolist()
