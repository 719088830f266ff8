"""What every loss on the material has in common: which examples there are, and prompts that are dropped."""

from __future__ import annotations

from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from trainers.inputs.features import FeatureDataset
from trainers.loop.method import Draw

Module = TypeVar("Module", bound=nn.Module)


class Objective(Generic[Module]):
    """A `trainers.loop.method.Method` but for its `loss`: draws the material's texts as often as they weigh."""

    def __init__(self, module: Module, features: FeatureDataset) -> None:
        self.module = module
        self.example_count = len(features.weights_N)
        self.example_weights: Tensor | None = features.weights_N
        self._material = features


def drop_prompts(draw: Draw, share: float) -> Tensor:
    """The drawn rows with a random share replaced by row 0, the empty prompt, (B,): classifier-free guidance asks for it."""
    empty_B = torch.rand(len(draw.indices_B), generator=draw.generator) < share
    return draw.indices_B.masked_fill(empty_B, 0)
