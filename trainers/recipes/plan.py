"""A training method as a plan: the module that is trained, and its phases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from hub.errors import InvalidRequest
from trainers.defaults import ENCODER
from trainers.frozen.foundation import PIPELINE, Foundation
from trainers.inputs.latents.cropping import Cropping
from trainers.inputs.prompt_rules import PromptRules
from trainers.learners.learner import MakeLearner
from trainers.loop.method import Method
from trainers.loop.recipe import Recipe

TEXTS = ("states", "teacher")
"""Features for a phase on texts alone: encoder states, and the base's embeddings of the English meanings."""
THROUGH_DENOISER = ("states", "latents")
"""Features for a phase through the denoiser; one step costs about as much as fifty steps on texts."""
DISTILLED_DENOISER = (*TEXTS, "latents")
"""The same for a phase that compares the denoiser with itself on the English meanings."""
READER_TEXTS = ("teacher",)
READER_THROUGH_DENOISER = ("latents",)
"""The same for a `TextReader`: its own encoder is trained, so its states cannot be cached."""
PAIRS = ("states", "captions", "images")
"""Features for a phase on texts and images: encoder states, and a dual encoder's features of captions and images."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A training method and its recipe."""

    name: str
    """One word, used for the phase's folder and its progress bar."""
    make: Callable[..., Method]
    """Takes the learner's module and the feature dataset; keyword-only arguments are options that recipe files may set."""
    recipe: Recipe
    needs: tuple[str, ...] = TEXTS
    """Features the phase uses, as `FeatureDataset.fill` names them; computed and cached before the first phase."""
    with_mask: bool = True
    """Whether it also trains for bases that read a mask. There, a module keeps the encoder's own number of tokens, so a phase that
    compares it with the base's tokens one by one is left out."""
    description: str = ""
    """Description of the phase, as a clause for the card; it can contain settings of the phase in braces, such as `{match}`."""
    optional: bool = False
    """Whether the phase runs only if a recipe file or `--set` names it."""

    @property
    def objective(self) -> Any:
        """The class or function behind `make`, without its options."""
        make = self.make
        while isinstance(make, partial):
            make = make.func
        return make


@dataclass(frozen=True, slots=True)
class Plan:
    """A learner and the phases it is trained in, one after the other."""

    name: str
    """As in `hub train NAME`."""
    learner: MakeLearner
    length: int | None
    """Tokens each text is padded or truncated to; None uses the base's length, for modules that map token by token."""
    phases: tuple[Phase, ...]
    description: str
    """Description of the training for the card, independent of the phases; the descriptions of phases that ran are added."""
    summary: str = "a {architecture} between {encoder} and the frozen base"
    """Description of the result, for the card's summary."""
    frozen: str = "The base and the encoder `{encoder}` are frozen"
    """Which parts stayed frozen, for the card."""
    foundation: Foundation = PIPELINE
    """The kind of base."""
    is_repository: bool = False
    """Whether the result is a repository of another library, without variants, such as an encoder for all bases."""
    generates_images: bool = True
    """Whether the module conditions a denoiser, so that sample images can be generated during training."""
    english_only: bool = False
    """Whether only English texts are used for training; the requested languages are then reached zero-shot."""
    reads_sentences: bool = False
    """Whether it reads one state per text, of one or several encoders. The learner is then made from the feature dataset."""
    keeps_base: bool = False
    """Whether the learner only computes with the base and the encoder, whose weights can then be stored in fewer bits."""
    encoder: str = ENCODER
    """The encoder it is trained on unless another is named; several are joined by `+`."""
    requires: tuple[str, str] | None = None
    """A property of `FrozenBase` classes that the base must have, and a clause for the message that refuses any other base before
    anything is loaded: `whose denoiser has cross-attention`."""
    prompt_rules: PromptRules | None = None
    """How texts reach the encoder; None passes them unchanged, in `length` tokens."""

    def with_steps(self, steps: int | None, seed: int) -> Plan:
        """Return the plan with `steps` updates over all phases, in the same proportions, and every phase seeded."""
        total = sum(phase.recipe.steps for phase in self.phases)
        factor = 1.0 if steps is None else steps / total
        phases = []
        for phase in self.phases:
            count = max(1, round(phase.recipe.steps * factor))
            warmup = min(phase.recipe.warmup_steps, max(1, count // 10))
            phases.append(replace(phase, recipe=replace(phase.recipe, steps=count, warmup_steps=warmup, seed=seed)))
        return replace(self, phases=tuple(phases))

    @property
    def schedule(self) -> list[list[int]]:
        """Steps and warm-up steps of each phase."""
        return [[phase.recipe.steps, phase.recipe.warmup_steps] for phase in self.phases]

    def with_schedule(self, schedule: Sequence[Sequence[int]]) -> Plan:
        """Return the plan with these steps and warm-up steps: those of a run that is continued."""
        phases = (
            replace(phase, recipe=replace(phase.recipe, steps=steps, warmup_steps=warmup))
            for phase, (steps, warmup) in zip(self.phases, schedule, strict=True)
        )
        return replace(self, phases=tuple(phases))

    def with_accumulation(self, accumulation: int) -> Plan:
        """Return the plan with at least `accumulation` gradient accumulation steps in every phase."""
        phases = (
            replace(phase, recipe=replace(phase.recipe, accumulation=max(accumulation, phase.recipe.accumulation)))
            for phase in self.phases
        )
        return replace(self, phases=tuple(phases))

    @property
    def sample_latents(self) -> bool:
        """Whether latents are sampled from the autoencoder's posterior. Raises `InvalidRequest` if phases that read latents differ."""
        wanted = {phase.recipe.sample_latents for phase in self.phases if "latents" in phase.needs}
        if len(wanted) > 1:
            raise InvalidRequest(
                f"the phases of `{self.name}` that read latents share them: set `sample_latents` in all of them or in none."
            )
        return any(wanted)

    @property
    def cropping(self) -> Cropping | None:
        """How images are cropped for the denoiser. Raises `InvalidRequest` if phases that read latents differ, or none reads them."""
        wanted = {Cropping.of(phase.recipe) for phase in self.phases if "latents" in phase.needs}
        if len(wanted) > 1:
            raise InvalidRequest(
                f"the phases of `{self.name}` that read latents share them: set `center_crop`, `random_crops`, `random_flip` and "
                "`aspect_buckets` to the same value in all of them."
            )
        if not wanted and any(Cropping.of(phase.recipe) for phase in self.phases):
            raise InvalidRequest(
                f"`{self.name}` encodes no images for a denoiser: omit `center_crop`, `random_crops`, `random_flip` and "
                "`aspect_buckets`."
            )
        return wanted.pop() if wanted else None

    @property
    def needs(self) -> tuple[str, ...]:
        """Features that any of the phases needs; empty prompts that are the base's own need its embeddings."""
        needs = [need for phase in self.phases for need in phase.needs]
        if self.prompt_rules is not None and self.prompt_rules.empty == "base" and "states" in needs:
            needs.append("teacher")
        return tuple(dict.fromkeys(needs))
