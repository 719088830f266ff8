"""A method as a user names it: which module, and the phases it is trained in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from trainers.frozen import FrozenBase
from trainers.material import Material
from trainers.method import Method
from trainers.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Phase:
    """One method and its recipe."""

    name: str
    """One word: its folder below the run's, its progress bar."""
    make: Callable[[nn.Module, Material], Method]
    recipe: Recipe
    through_denoiser: bool = False
    """Whether it needs pictures; such a step costs some fifty text-side steps."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Phases run one after the other by the one loop, on one module."""

    name: str
    """As in `hub train NAME`."""
    kind: str
    """Of the artifact it makes: `adapter`, `projector` …"""
    architecture: str
    """Of the module, in `hub.modules`."""
    settings: Callable[[int, FrozenBase], dict[str, Any]]
    """From the encoder's width and the base to the architecture's settings."""
    length: int | None
    """Tokens a text is padded and cut to; None: as many as the base reads, for modules that map token by token."""
    phases: tuple[Phase, ...]
    story: str
    """How it is trained, for the card."""

    def with_steps(self, steps: int | None, seed: int) -> Plan:
        """The same plan, `steps` long over all phases, with its shares and warm-ups kept; every phase seeded."""
        total = sum(phase.recipe.steps for phase in self.phases)
        factor = 1.0 if steps is None else steps / total
        phases = []
        for phase in self.phases:
            count = max(1, round(phase.recipe.steps * factor))
            warmup = min(phase.recipe.warmup_steps, max(1, count // 10))
            phases.append(replace(phase, recipe=replace(phase.recipe, steps=count, warmup_steps=warmup, seed=seed)))
        return replace(self, phases=tuple(phases))

    @property
    def through_denoiser(self) -> bool:
        """Whether any phase needs pictures."""
        return any(phase.through_denoiser for phase in self.phases)
