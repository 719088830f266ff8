"""What a training method is: a module that learns, and a loss on a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn


class Loss(NamedTuple):
    """What the loop differentiates, and what it logs."""

    total: Tensor
    """Scalar."""
    parts: dict[str, Tensor]
    """Scalars, detached."""


@dataclass(frozen=True, slots=True)
class Draw:
    """All that one step may depend on beside the weights: nothing else is random, so a resumed run repeats it."""

    step: int
    indices_B: Tensor
    """Which examples, (B,), int64, on the CPU."""
    generator: torch.Generator
    """Seeded by (seed, step, shard), on the CPU. A batch has one shard for each process and each accumulated part; in
    one process without accumulation the shard is the rank."""


class Method(Protocol):
    """Turns a draw into a loss. Everything but `module` is frozen."""

    @property
    def module(self) -> nn.Module:
        """What learns."""
        ...

    example_count: int
    example_weights: Tensor | None
    """(N,), how often each example is drawn; None draws each once per epoch."""

    def loss(self, draw: Draw) -> Loss:
        """The loss of one batch."""
        ...


@runtime_checkable
class Validated(Protocol):
    """A method that can also say how good its weights are, beside its noisy losses."""

    def validation(self) -> float:
        """Less is better; a function of the weights alone. Asked before each checkpoint, with averaged weights."""
        ...
