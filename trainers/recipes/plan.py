"""A method as a user names it: what learns, and the phases it is trained in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from trainers.frozen.foundation import PIPELINE, Foundation
from trainers.inputs.prompt_rules import PromptRules
from trainers.learners.learner import MakeLearner
from trainers.loop.method import Method
from trainers.loop.recipe import Recipe

TEXTS = ("states", "teacher")
"""What a phase on texts alone needs computed: encoder states, and the base's states of their English meaning."""
THROUGH_DENOISER = (*TEXTS, "latents")
"""What a phase through the denoiser needs; its step costs some fifty text-side steps."""
READER_TEXTS = ("teacher",)
READER_THROUGH_DENOISER = ("teacher", "latents")
"""The same for a reader: its own encoder learns, so that encoder's states cannot be computed before."""
PAIRS = ("states", "captions", "images")
"""What a phase on texts and images needs: encoder states, and a dual encoder's features of both sides."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One method and its recipe."""

    name: str
    """One word: its folder below the run's, its progress bar."""
    make: Callable[..., Method]
    """From the learner's module and the material; keyword-only arguments are options that recipe files may set."""
    recipe: Recipe
    needs: tuple[str, ...] = TEXTS
    """Frozen outputs it reads, as `Material.fill` names them; computed and cached before the phases."""
    optional: bool = False
    """It runs where a recipe file or `--set` names it, and not by default."""


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
    foundation: Foundation = PIPELINE
    """What its base is."""
    is_repository: bool = False
    """What comes of it is a repository of another library, such as an encoder for all bases: it has no variants."""
    draws: bool = True
    """Whether what learns says what a denoiser reads, so that sample images show how it goes."""
    english_only: bool = False
    """Only English texts are learnt from, whatever languages it is made for: those are reached zero-shot."""
    prompt_rules: PromptRules | None = None
    """How texts reach the encoder; None: as they are, in `length` tokens."""

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
