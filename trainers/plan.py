"""A method as a user names it: what learns, and the phases it is trained in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from trainers.learner import MakeLearner
from trainers.material import Material
from trainers.method import Method
from trainers.recipe import Recipe

TEXTS = ("states", "teacher")
"""What a phase on texts alone needs computed: encoder states, and the base's states of their English meaning."""
THROUGH_DENOISER = (*TEXTS, "latents")
"""What a phase through the denoiser needs; its step costs some fifty text-side steps."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One method and its recipe."""

    name: str
    """One word: its folder below the run's, its progress bar."""
    make: Callable[[Any, Material], Method]
    """From the learner's module and the material."""
    recipe: Recipe
    needs: tuple[str, ...] = TEXTS
    """Frozen outputs it reads: `states`, `teacher`, `latents`; computed and cached before the phases."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Phases run one after the other by the one loop, on one learner."""

    name: str
    """As in `hub train NAME`."""
    learner: MakeLearner
    length: int | None
    """Tokens a text is padded and cut to; None: as many as the base reads, for modules that map token by token."""
    phases: tuple[Phase, ...]
    story: str
    """How it is trained, for the card."""
    result: str = "a {architecture} between {encoder} and the frozen base"
    """What comes of it, for the card's summary."""
    frozen: str = "The base and the encoder `{encoder}` stay as they are"
    """What was left alone, for the card."""

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

    def in_parts(self, accumulation: int) -> Plan:
        """The same plan, every batch taken in at least so many parts, one after the other."""
        phases = (
            replace(phase, recipe=replace(phase.recipe, accumulation=max(accumulation, phase.recipe.accumulation)))
            for phase in self.phases
        )
        return replace(self, phases=tuple(phases))

    @property
    def needs(self) -> tuple[str, ...]:
        """Frozen outputs that any phase reads."""
        return tuple(dict.fromkeys(need for phase in self.phases for need in phase.needs))
