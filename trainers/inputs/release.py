"""Free the memory of frozen models whose outputs are cached."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from hub.bases.frozen import FrozenBase
from trainers.inputs.features import FeatureDataset

CPU = torch.device("cpu")
NOWHERE = torch.device("meta")


def release(features: FeatureDataset, learning: nn.Module, place: torch.device = CPU) -> None:
    """Move the autoencoder of a filled dataset to `place`, and drop the weights of the text encoders.

    Models that share weights with `learning` stay. T5-XXL has 9 GB of weights in 16 bits and an encoder of 7 billion parameters 14 GB,
    and no step reads them. The autoencoder returns when sample images are decoded. Dual encoders stay: losses read their projections.
    """
    if features.base.device == place:
        return
    own = {id(parameter) for parameter in learning.parameters()}
    base = features.base
    for model in _readers(features):
        if own.isdisjoint(id(parameter) for parameter in model.parameters()):
            model.to(place if isinstance(base, FrozenBase) and model is base.autoencoder else NOWHERE)
    if features.base.device.type == "cuda":
        torch.cuda.empty_cache()


def _readers(features: FeatureDataset) -> Iterable[nn.Module]:
    joined = features.sentence_encoder
    yield from (each.model for each in (joined.parts if joined else (features.encoder,)))
    if isinstance(features.base, FrozenBase):
        yield from features.base.readers
