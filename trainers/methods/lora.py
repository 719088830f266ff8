"""LoRA (Hu et al., ICLR 2022, arXiv 2106.09685) on the base itself, with peft and without a multilingual encoder.

Prompts use the base's own tokenizer and text encoder. A byte-level tokenizer accepts every script, but needs several
tokens per letter for scripts it was not trained on, and prompts longer than the base's limit are truncated.

Shape letters: B batch, S tokens, C conditioning width.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from peft import LoraConfig, get_peft_model_state_dict, inject_adapter_in_model
from torch import Tensor, nn

from hub.bases.frozen import FrozenBase
from hub.encoders.text_encoder import TextEncoder
from hub.errors import InvalidRequest
from trainers.inputs.features import FeatureDataset
from trainers.learners.student import write_lora
from trainers.learners.text_reader import Part, TextReader, everything
from trainers.loop.recipe import Recipe
from trainers.objectives.reader_tuning import DenoiserTuning, TeacherLearning
from trainers.recipes.plan import READER_TEXTS, READER_THROUGH_DENOISER, Phase, Plan

TEXT_LAYERS = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")
"""Linear layers of CLIP's text encoder."""
DENOISER_LAYERS = ("to_q", "to_k", "to_v", "to_out.0")
"""Linear layers of self- and cross-attention, as in diffusers' training scripts."""


class TunedBase(TextReader):
    """Copies of the base's text encoder and denoiser, with trainable LoRAs."""

    def __init__(self, base: FrozenBase, rank: int, *, in_text_encoder: bool, in_denoiser: bool) -> None:
        """Add the LoRAs; their B matrices are zero, so the initial output is the base's own."""
        super().__init__(copy.deepcopy(base.unet) if in_denoiser else None)
        self.text_encoder = copy.deepcopy(base.text_encoder)
        if in_text_encoder:
            inject_adapter_in_model(_config(rank, TEXT_LAYERS), self.text_encoder)
        if self.denoiser is not None:
            inject_adapter_in_model(_config(rank, DENOISER_LAYERS), self.denoiser)

    def read(self, features: FeatureDataset, rows_B: Tensor) -> Tensor:
        """Return the text encoder's states (B, S, C) of the texts `rows_B` (B,)."""
        states_BSC: Tensor = self.text_encoder(features.base_token_ids(rows_B)).last_hidden_state
        return states_BSC

    def text_parts(self) -> list[Part]:
        """Return the LoRAs of the text encoder."""
        return [*_loras(self.text_encoder)]

    def denoiser_parts(self) -> list[Part]:
        """Return the LoRAs of the denoiser."""
        return [] if self.denoiser is None else [*_loras(self.denoiser)]


class LoraLearner:
    """A learner that writes LoRAs in diffusers' file format."""

    kind = "delta"
    architecture = "lora"
    uses_encoder = False

    def __init__(self, tuned: TunedBase, settings: dict[str, Any]) -> None:
        self.module: nn.Module = tuned
        self.settings = settings
        self._tuned = tuned

    def write(self, variant: Path) -> None:
        """Write one safetensors file."""
        denoiser = get_peft_model_state_dict(self._tuned.denoiser) if self.settings["denoiser"] else None
        text_encoder = get_peft_model_state_dict(self._tuned.text_encoder) if self.settings["text_encoder"] else None
        write_lora(variant, denoiser=denoiser, text_encoder=text_encoder)

    def config(self) -> dict[str, Any]:
        """Return the entry that marks the change as a LoRA."""
        return {"delta": {"format": "lora", "rank": self.settings["rank"]}}


def make_learner(
    base: FrozenBase,
    encoder: TextEncoder,  # noqa: ARG001 - all learners have the same signature
    *,
    rank: int = 16,
    text_encoder: bool = True,
    denoiser: bool = True,
) -> LoraLearner:
    """Add LoRAs of `rank`, with alpha = rank, to the text encoder, the denoiser or both.

    Raises `InvalidRequest` if both are off or the rank is below 1.
    """
    if not (text_encoder or denoiser) or rank < 1:
        raise InvalidRequest(
            "a LoRA needs `module.text_encoder`, `module.denoiser` or both, and a `module.rank` of at least 1."
        )
    tuned = TunedBase(base, rank, in_text_encoder=text_encoder, in_denoiser=denoiser)
    return LoraLearner(tuned, {"rank": rank, "text_encoder": text_encoder, "denoiser": denoiser})


def _config(rank: int, layers: tuple[str, ...]) -> LoraConfig:
    return LoraConfig(r=rank, lora_alpha=rank, lora_dropout=0.0, target_modules=list(layers))


def _loras(module: nn.Module) -> Iterator[nn.Parameter]:
    return (parameter for name, parameter in module.named_parameters() if "lora_" in name)


DISTIL = Recipe(steps=1500, batch_size=64, learning_rate=2e-3, warmup_steps=100, weight_decay=0.0, ema_decay=0.99)
RECIPE = Recipe(steps=200, batch_size=64, learning_rate=5e-4, warmup_steps=20, weight_decay=0.0, ema_decay=0.98)
PLAN = Plan(
    name="lora",
    learner=make_learner,
    length=None,
    phases=(
        Phase(
            "distil",
            partial(TeacherLearning, match="token"),
            DISTIL,
            needs=READER_TEXTS,
            description="token distillation for the text encoder",
        ),
        Phase(
            "denoise",
            partial(DenoiserTuning, trainable=everything, empty_share=0.1),
            RECIPE,
            needs=READER_THROUGH_DENOISER,
            description="the base's own denoising loss for all of its LoRAs",
        ),
    ),
    description=(
        "Prompts use the base's own byte-level tokenizer, which needs several tokens per letter for scripts it was not "
        "trained on; longer prompts are truncated."
    ),
    summary="LoRAs in its text encoder and denoiser, without a multilingual encoder",
    frozen="All weights of the base are frozen; plain diffusers loads the file with `load_lora_weights`",
)
