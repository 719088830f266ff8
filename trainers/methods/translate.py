"""Translate, then generate: the baseline of every study. A prompt is translated to English, and the base encodes that.

In the lab the translator is the frozen multilingual encoder with a small decoder that is trained to generate English
names, as in the first step of mCLIP's encoder (Chen et al., ACL 2023): cross-entropy with label smoothing 0.1, encoder
frozen and its states cached. It is a transformers `EncoderDecoderModel`. For larger bases, publish any translation model
of that library in the same way: `python -m trainers.learners.wrap_translator`.

Shape letters: B batch, L tokens of the encoder, T tokens of a translation, E encoder width, V vocabulary.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from hub.bases.frozen import FrozenBase
from hub.encoders.text_encoder import TextEncoder
from hub.loader.modules.translator import ARCHITECTURE, FOLDER
from trainers.learners.decoder import add_decoder
from trainers.learners.student import write_transformer
from trainers.loop.recipe import Recipe
from trainers.objectives.translation import LENGTH, Translation
from trainers.recipes.plan import Phase, Plan


class TranslatorLearner:
    """A frozen copy of the encoder and a trained decoder, written as one transformers model."""

    kind = "adapter"
    architecture = ARCHITECTURE
    uses_encoder = False

    def __init__(self, model: nn.Module, encoder: TextEncoder) -> None:
        self.module = model
        self.settings: dict[str, Any] = {"new_tokens": LENGTH, "source": "", "target": ""}
        self._encoder = encoder

    def write(self, variant: Path) -> None:
        """Write the whole model in half precision, with the encoder's tokenizer."""
        write_transformer(self.module, self._encoder, variant / FOLDER)

    def config(self) -> dict[str, Any]:
        """Return no additional entries."""
        return {}


def make_learner(base: FrozenBase, encoder: TextEncoder) -> TranslatorLearner:  # noqa: ARG001 - all learners have the same signature
    """Add a decoder of the encoder's class, a third narrower, whose embeddings are tied to its output layer."""
    return TranslatorLearner(add_decoder(encoder), encoder)


RECIPE = Recipe(steps=600, batch_size=96, learning_rate=2e-3, betas=(0.9, 0.98), weight_decay=0.01, warmup_steps=60)
PLAN = Plan(
    name="translate",
    learner=make_learner,
    length=LENGTH,
    phases=(Phase("translate", Translation, RECIPE, needs=("states",)),),
    description="A small decoder is trained to generate the English name from the frozen encoder's states of a name.",
    summary="a translator into English, whose output the base encodes",
    frozen="The base is frozen; the translator contains a copy of the encoder `{encoder}`",
    generates_images=False,
)
