"""The feature dataset of the fixtures, made in a process that the test starts."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from hub.bases.frozen import FrozenBase
from hub.encoders.text_encoder import TextEncoder
from tests.builders.training.toy import ToyCorpus
from trainers.inputs.features import FeatureDataset, Store
from trainers.inputs.mixture import Mixture, collect_features


def tiny(folder: Path) -> FeatureDataset:
    """Make the feature dataset of the fixtures in another process."""
    base = FrozenBase.open(Path(os.environ["TINY_BASE"]), torch.device("cpu"))
    encoder = TextEncoder.from_folder(Path(os.environ["TINY_ENCODER"]), dtype=torch.float32)
    store = Store(folder / "caches", "b", "e", quiet=True)
    return collect_features(ToyCorpus(), Mixture(("yo", "sw"), english_share=0.3), base, encoder, length=8, store=store)
