"""The base class of losses on a feature dataset, and prompt dropping for classifier-free guidance."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn

from trainers.inputs.features import FeatureDataset
from trainers.loop.method import Draw

Module = TypeVar("Module", bound=nn.Module)


class Objective(Generic[Module]):
    """A `trainers.loop.method.Method` without its `loss`: samples the texts of a feature dataset by their weights."""

    compares_with_english: ClassVar[bool] = True
    """Whether the loss reads the English meaning of a text; native texts, whose meaning can be empty, are then skipped."""
    keeps_denoiser: ClassVar[bool] = False
    """Whether the denoiser must be frozen, so that a learner whose option `denoiser` is true is refused."""

    def __init__(self, module: Module, features: FeatureDataset) -> None:
        self.module = module
        self.example_count = len(features.weights_N)
        weights_N = features.translated_weights_N if self.compares_with_english else features.weights_N
        self.example_weights: Tensor | None = weights_N
        self._features = features

    def prefetch(self, indices_B: Tensor) -> None:
        """Start to read the cached features of the next batch, of the texts `indices_B` (B,)."""
        self._features.prefetch(indices_B)


def drop_prompts(draw: Draw, share: float) -> Tensor:
    """Return the sampled rows (B,) with a random share replaced by row 0, the empty prompt, for classifier-free guidance."""
    empty_B = torch.rand(len(draw.indices_B), generator=draw.generator) < share
    return draw.indices_B.masked_fill(empty_B, 0)
