"""The interface of training methods: a module to train, and a loss on a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn


class Loss(NamedTuple):
    """The loss that the loop differentiates, and the parts that it logs."""

    total: Tensor
    """Scalar."""
    parts: dict[str, Tensor]
    """Scalars, detached."""


@dataclass(frozen=True, slots=True)
class Draw:
    """The inputs of one step besides the weights. Nothing else is random, so a resumed run repeats the step exactly."""

    step: int
    indices_B: Tensor
    """Indices of the examples, (B,), int64, on the CPU."""
    generator: torch.Generator
    """Seeded by (seed, step, shard), on the CPU. A batch has one shard per process and accumulation step; without
    accumulation the shard is the rank."""


class Method(Protocol):
    """Computes the loss of a draw. Everything but `module` is frozen."""

    @property
    def module(self) -> nn.Module:
        """The module to train."""
        ...

    example_count: int
    example_weights: Tensor | None
    """Sampling weights (N,); None samples each example once per epoch."""

    # A method may also have `example_groups` (N,), so that what it compares is of one group, or has one shape: see `GroupedSampler`.

    def loss(self, draw: Draw) -> Loss:
        """Return the loss of one batch."""
        ...


@runtime_checkable
class ReadsAhead(Protocol):
    """A method that can read the inputs of the next batch while the device computes this one."""

    def prefetch(self, indices_B: Tensor) -> None:
        """Start to read the inputs of the examples `indices_B` (B,). Must not change any result."""
        ...


@runtime_checkable
class Validated(Protocol):
    """A method that can also validate its weights."""

    def validation(self) -> float:
        """Return a value that depends on the weights alone; lower is better. Called before each checkpoint, with the average."""
        ...
