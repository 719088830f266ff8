"""A memory of English phrases: a text is read as the phrase that is nearest in the space of frozen multilingual encoders.

Networks that map encoder states to embeddings memorize the training texts: on the lab, they succeed for about 1 in 50 unseen
names. This method preserves the knowledge of the encoders. Their states are centred by language, a small residual aligner for each
encoder is trained by InfoNCE against the English phrases, and the base's own text encoder reads the nearest phrase.

Shape letters: N texts, P phrases, E width of all encoders together.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hub.errors import InvalidRequest
from hub.loader.modules.module_config import WEIGHTS
from hub.loader.modules.phrase_reader import ARCHITECTURE, PHRASES
from hub.systems.phrase_memory import PhraseMemory
from hub.weights.strict import save_weights
from trainers.inputs.features import FeatureDataset
from trainers.inputs.phrases import ENGLISH
from trainers.loop.recipe import Recipe
from trainers.objectives.phrase_alignment import PhraseAlignment
from trainers.recipes.plan import Phase, Plan

LENGTH = 24
"""Tokens of the encoder per part of a text, prefix included."""
FIRST_ENCODER = 3.0
"""Weight of the first encoder over that of each further one; chosen on the lab's `validation` split, as is ALIGNED."""
ALIGNED = 1.5
"""Weight of the similarities after the aligners over those before them."""


class PhraseMemoryLearner:
    """A memory filled from the feature dataset, whose aligners are trained."""

    kind = "adapter"
    architecture = ARCHITECTURE
    uses_encoder = True

    def __init__(self, module: PhraseMemory, settings: dict[str, Any], features: FeatureDataset) -> None:
        self.module: nn.Module = module
        self.settings = settings
        self._features = features

    def write(self, variant: Path) -> None:
        """Write keys, means and aligners in half precision, and the phrases beside them."""
        save_weights(self.module, variant / WEIGHTS, torch.float16)
        (variant / PHRASES).write_text(
            json.dumps(self._features.phrases.english_P, indent=0, ensure_ascii=False) + "\n", encoding="utf-8"
        )

    def config(self) -> dict[str, Any]:
        """Return the conditioning, which is the base's own: its text encoder reads the phrases."""
        base = self._features.base
        conditioning = {
            "width": base.width,
            "length": base.length,
            "pooled_width": base.pooled_width,
            "mask": bool(base.mask),
        }
        return {"conditioning": conditioning}


def make_learner(
    features: FeatureDataset,
    *,
    hidden_width: int = 384,
    aligned_weight: float = ALIGNED,
    first_encoder: float = FIRST_ENCODER,
) -> PhraseMemoryLearner:
    """Fill a memory with the phrases of the dataset; `hidden_width` is that of the aligners.

    Raises `InvalidRequest` without an English phrase.
    """
    phrases = features.phrases
    if not phrases.english_P or not phrases.texts_N:
        raise InvalidRequest(f"the corpus `{features.corpus.name}` has no texts whose meaning is known in English.")
    assert features.sentence_encoder is not None, "the plan reads sentences"
    settings: dict[str, Any] = {
        "widths": [part.width for part in features.sentence_encoder.parts],
        "phrases": len(phrases.english_P),
        "languages": len(phrases.languages),
        "hidden_width": hidden_width,
        "aligned_weight": aligned_weight,
    }
    module = PhraseMemory(**settings)
    keys_PE, texts_NE = features.sentences
    samples = [
        keys_PE if tag == ENGLISH else texts_NE[[place for place, own in enumerate(phrases.languages_N) if own == tag]]
        for tag in phrases.languages
    ]
    weights = [first_encoder, *[1.0] * (len(module.widths) - 1)]
    module.fill(keys_PE, phrases.languages.index(ENGLISH), samples, weights)
    return PhraseMemoryLearner(module, settings, features)


RECIPE = Recipe(
    steps=1000, batch_size=256, learning_rate=1e-3, warmup_steps=30, decay="linear", final_share=0.0, precision="no"
)
PLAN = Plan(
    name="memory",
    learner=make_learner,
    length=LENGTH,
    phases=(Phase("align", PhraseAlignment, RECIPE, needs=("sentences",)),),
    description="The memory holds the English names; a residual aligner per encoder is trained by InfoNCE to move each text of the "
    "language to its English name.",
    summary="a memory of English phrases, searched with {encoder}, which the base's own encoder reads",
    frozen="The base and its text encoder are frozen, and so is what searches: {encoder}",
    generates_images=False,
    reads_sentences=True,
    encoder="multilingual-e5-small+emoji-xlmr",
)
