"""mCLIP's first stage (Chen et al., ACL 2023): train a multilingual text encoder by translation, then also by contrast.

1a `translate`: a random decoder is trained to translate a text into English, with a frozen encoder. 1b `contrast`: the
encoder is trained too: L = NMT + w · CTL, where CTL is the symmetric InfoNCE between the mean states of a text and of
its English translation at temperature 0.1. The decoder is then discarded, and the encoder is published as a transformers
model for `hub train mclip --encoder`. Losses follow the released code (`run_mte.sh`), which multiplies CTL by
2.0 · tokens / sentences before fairseq divides everything by the tokens: w is 2.0 divided by the sentences of a micro-batch, .06 to
.1, which is what the recipe `mclip-mte` has. Sizes, steps and w = 2.0 are the lab's, and emoji names replace the parallel texts of
12 language pairs.

Shape letters: B batch, L tokens of a text, T of its English, E encoder width.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hub.bases.frozen import FrozenBase
from hub.embeddings import masked_mean
from hub.encoders.text_encoder import TextEncoder
from trainers.frozen.foundation import DUAL_ENCODER
from trainers.inputs.features import FeatureDataset
from trainers.learners.contrast import all_gather_rows, symmetric_contrast
from trainers.learners.decoder import add_decoder
from trainers.learners.student import write_transformer
from trainers.loop.method import Draw, Loss
from trainers.loop.recipe import Recipe
from trainers.loop.sampler import global_generators
from trainers.objectives.translation import LENGTH, SMOOTHING, Translation
from trainers.recipes.plan import Phase, Plan

CONTRAST_WEIGHT = 2.0
"""The lab's."""
TEMPERATURE = 0.1


class TranslationFrozen(Translation):
    """Stage 1a: only the decoder is trained."""

    def __init__(self, module: nn.Module, features: FeatureDataset, *, smoothing: float = SMOOTHING) -> None:
        _set_encoder_trainable(module, False)
        super().__init__(module, features, smoothing=smoothing)


class TranslationAndContrast(Translation):
    """Stage 1b: the encoder is trained too, so its states are not cached. Texts of one meaning are not negatives."""

    def __init__(
        self,
        module: nn.Module,
        features: FeatureDataset,
        *,
        contrast_weight: float = CONTRAST_WEIGHT,
        temperature: float = TEMPERATURE,
        smoothing: float = SMOOTHING,
        one_language: bool = False,
    ) -> None:
        """Prepare the loss; with `one_language` the texts that are compared are of one language, as in the original."""
        _set_encoder_trainable(module, True)
        super().__init__(module, features, smoothing=smoothing)
        self._contrast_weight = contrast_weight
        self._temperature = temperature
        if one_language:
            numbers = {tag: number for number, tag in enumerate(dict.fromkeys(features.languages_N))}
            self.example_groups = torch.tensor([numbers[tag] for tag in features.languages_N], dtype=torch.int16)

    def loss(self, draw: Draw) -> Loss:
        """Return NMT + w · CTL, a scalar."""
        rows_B = draw.indices_B
        ids_BL, mask_BL = self._features.token_ids(rows_B)
        meaning_B = self._features.meaning_N[rows_B]
        english_BT, counts_BT = (each.to(ids_BL.device) for each in self._english[meaning_B])
        module: Any = self.module
        with global_generators(draw.generator, ids_BL.device):
            states_BLE = module.encoder(input_ids=ids_BL, attention_mask=mask_BL.long()).last_hidden_state
            english_BTE = module.encoder(input_ids=english_BT, attention_mask=counts_BT.long()).last_hidden_state
            translation = self._decoder_loss(rows_B, states_BLE, mask_BL)
        text_BE, meant_BE, group_B = map(
            all_gather_rows,
            (masked_mean(states_BLE, mask_BL), masked_mean(english_BTE, counts_BT), meaning_B.to(ids_BL.device)),
        )
        contrast = symmetric_contrast(text_BE, meant_BE, 1 / self._temperature, group_B)
        parts = {**translation.parts, "nmt": translation.total.detach(), "contrast": contrast.detach()}
        return Loss(translation.total + self._contrast_weight * contrast, parts)


def _set_encoder_trainable(module: Any, trainable: bool) -> None:
    module.encoder.requires_grad_(trainable)
    pooler = getattr(module.encoder, "pooler", None)
    if pooler is not None:
        pooler.requires_grad_(False)  # Its output is unused.


class EncoderLearner:
    """A learner that trains encoder and decoder and writes the encoder alone."""

    kind = "encoder"
    architecture = "text-encoder"
    uses_encoder = False

    def __init__(self, model: nn.Module, encoder: TextEncoder) -> None:
        self.module = model
        self.settings: dict[str, Any] = {}
        self._encoder = encoder

    def write(self, variant: Path) -> None:
        """Write a transformers model in half precision, with the tokenizer of the original encoder."""
        plain: Any = copy.deepcopy(self._encoder.model).cpu()
        trained = self.module.get_submodule("encoder").state_dict()
        plain.load_state_dict({key: trained[key] for key in plain.state_dict()})
        write_transformer(plain, self._encoder, variant)

    def config(self) -> dict[str, Any]:
        """Return no entries: config.json is that of transformers."""
        return {}


def make_learner(
    base: FrozenBase,  # noqa: ARG001 - all learners have the same signature
    encoder: TextEncoder,
    *,
    decoder_layers: int = 2,
    decoder_width: int = 0,
) -> EncoderLearner:
    """Copy the encoder and add a decoder for training: small by default; the published one has 12 layers of width 768."""
    return EncoderLearner(add_decoder(encoder, layers=decoder_layers, width=decoder_width), encoder)


FROZEN = Recipe(steps=300, batch_size=64, learning_rate=2e-3, betas=(0.9, 0.98), warmup_steps=30)
BOTH = Recipe(steps=150, batch_size=64, learning_rate=2e-4, betas=(0.9, 0.98), warmup_steps=15)
PLAN = Plan(
    name="mte",
    learner=make_learner,
    length=LENGTH,
    phases=(
        Phase(
            "translate",
            TranslationFrozen,
            FROZEN,
            needs=("states",),
            description="a decoder is trained to generate English from the frozen encoder's states",
        ),
        Phase(
            "contrast",
            TranslationAndContrast,
            BOTH,
            needs=(),
            description="encoder and decoder are trained to translate and to give a text and its English translation similar states",
        ),
    ),
    description="This is the first stage of mCLIP; its decoder is discarded.",
    summary="a text encoder initialised from {encoder}, for mCLIP's projectors",
    frozen="It is initialised from `{encoder}`",
    foundation=DUAL_ENCODER,
    is_repository=True,
    generates_images=False,
)
