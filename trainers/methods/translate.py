"""Translate, then generate: the baseline of every study. English is written from a prompt, and the base reads it.

On the lab the translator is the frozen multilingual encoder with a small decoder that learns to write English names,
as in the first step of mCLIP's encoder (Chen et al., ACL 2023): cross-entropy with label smoothing 0.1, encoder frozen
and its states cached. It is transformers' `EncoderDecoderModel`. For larger bases any translation model of that library
is published the same way: `python -m trainers.learners.wrap_translator`.

Shape letters: B batch, L tokens of the encoder, T tokens of a translation, E encoder width, V vocabulary.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from hub.bases.frozen import FrozenBase
from hub.encoders.text_encoder import TextEncoder
from hub.loader.modules.translator import ARCHITECTURE, FOLDER
from trainers.learners.decoder import with_decoder
from trainers.learners.student import write_transformer
from trainers.loop.recipe import Recipe
from trainers.objectives.translation import LENGTH, Translation
from trainers.recipes.plan import Phase, Plan


class TranslatorLearner:
    """A frozen copy of the encoder and a decoder that learns, written as one model of transformers."""

    kind = "adapter"
    architecture = ARCHITECTURE
    reads_encoder = False

    def __init__(self, model: nn.Module, encoder: TextEncoder) -> None:
        self.module = model
        self.settings: dict[str, Any] = {"new_tokens": LENGTH, "source": "", "target": ""}
        self._encoder = encoder

    def write(self, variant: Path) -> None:
        """The whole model in half precision, with the encoder's tokenizer."""
        write_transformer(self.module, self._encoder, variant / FOLDER)

    def config(self) -> dict[str, Any]:
        """Nothing beside the usual."""
        return {}


def make_learner(base: FrozenBase, encoder: TextEncoder) -> TranslatorLearner:  # noqa: ARG001 - every learner is made alike
    """A decoder of the encoder's own class, a third narrower; its embeddings are its output layer, too."""
    return TranslatorLearner(with_decoder(encoder), encoder)


RECIPE = Recipe(steps=600, batch_size=96, learning_rate=2e-3, betas=(0.9, 0.98), weight_decay=0.01, warmup_steps=60)
PLAN = Plan(
    name="translate",
    learner=make_learner,
    length=LENGTH,
    phases=(Phase("translate", Translation, RECIPE, needs=("states",)),),
    story="A small decoder learns to write the English name, given the frozen encoder's states of a name.",
    result="a translator into English, which the base reads itself",
    frozen="The base stays as it is; the translator holds a copy of the encoder `{encoder}`",
    draws=False,
)
