"""mCLIP (Chen et al., ACL 2023): two small projectors map a multilingual encoder into a dual encoder's space, all towers frozen.

This is its second stage, triangle knowledge distillation (TriKD): L = ITC(h_X, h_I) + λ · TTC(h_X, h_T). ITC contrasts
texts with images, TTC English texts with the dual encoder's own embeddings of the same texts. The first stage, which
trains the multilingual encoder, is the method `mte`; any pretrained encoder can replace it. As published (`mclip`) the
pairs are English, and other languages are reached through the encoder alone; `mclip+` adds pairs in the requested languages.

Everything follows the released code (`ghchen18/acl23_mclip`, `multimodal_ctl_loss.py`) except the optimiser: AdamW
instead of LAMB. mCLIP is for retrieval: a text becomes one vector, which cannot condition a denoiser.

Shape letters: B batch, E the joint width, L tokens of the encoder, P the dual encoder's width.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from hub.bases.frozen import FrozenBase
from hub.encoders.text_encoder import TextEncoder
from hub.systems.architectures import build
from hub.systems.mclip.projectors import LOG_SCALE, Triangle
from trainers.frozen.foundation import DUAL_ENCODER
from trainers.inputs.features import FeatureDataset
from trainers.learners.contrast import all_gather_rows, in_chunks, symmetric_contrast
from trainers.learners.learner import ModuleLearner
from trainers.loop.method import Draw, Loss
from trainers.loop.recipe import Recipe
from trainers.loop.sampler import global_generators
from trainers.objectives.objective import Objective
from trainers.recipes.plan import PAIRS, Phase, Plan

LENGTH = 20
"""Tokens of the encoder per text: 99 % of emoji names are shorter in every language."""
TTC_WEIGHT = 0.1
"""λ of the paper."""
TTC_SCALE_AS_PUBLISHED = LOG_SCALE
"""The released code multiplies the cosines of TTC by ln(1/0.07) = 2.659 where ITC takes its exponential: an effective
temperature of 0.376 instead of the 0.07 that was probably intended. The paper's results use it, so it is the default."""


class TriangleDistillation(Objective[Triangle]):
    """ITC + λ · TTC on cached outputs of three frozen towers.

    Texts of one image are each other's positives, as in the original's fine-tuning; its pretraining pairs have one
    text per image, where this makes no difference. `rows` limits the number of texts in memory at a time, at the cost of
    computing them twice; the gradients are the same.
    """

    def __init__(
        self,
        module: Triangle,
        features: FeatureDataset,
        *,
        ttc_weight: float = TTC_WEIGHT,
        ttc_scale: float = TTC_SCALE_AS_PUBLISHED,
        rows: int = 0,
    ) -> None:
        super().__init__(module, features)
        self._is_english_N = torch.tensor([tag == "en" for tag in features.languages_N])
        self._ttc_weight = ttc_weight
        self._ttc_scale = ttc_scale
        self._rows = rows

    def loss(self, draw: Draw) -> Loss:
        """Return L over the batches of all processes, a scalar; TTC uses only their English texts."""
        features, rows_B = self._features, draw.indices_B
        states_BLE, mask_BL = features.encoder_states(rows_B)
        longest = int(mask_BL.sum(dim=1).max())  # On either side, everything beyond is padding.
        states_BLE, mask_BL = trim(states_BLE, mask_BL, longest)
        device = states_BLE.device
        meaning_B = features.meaning_N[rows_B]
        places_B = meaning_B.to(device)
        with global_generators(draw.generator, device):
            text_BE = in_chunks(self.module.texts, self._rows, states_BLE, mask_BL)
        image_BE = self.module.features(features.images_MP[meaning_B])
        caption_BE = self.module.features(features.captions_MP[meaning_B])
        english_B = self._is_english_N[rows_B].to(device)
        text_BE, image_BE, caption_BE, group_B, english_B = map(
            all_gather_rows, (text_BE, image_BE, caption_BE, places_B, english_B)
        )
        itc = symmetric_contrast(text_BE, image_BE, self.module.scale, group_B, rows=self._rows)
        ttc = torch.zeros_like(itc)
        if english_B.any():
            ttc = symmetric_contrast(
                text_BE[english_B], caption_BE[english_B], self._ttc_scale, group_B[english_B], rows=self._rows
            )
        parts = {"itc": itc.detach(), "ttc": ttc.detach(), "scale": self.module.scale.detach().squeeze()}
        return Loss(itc + self._ttc_weight * ttc, parts)


def trim(states_BLE: Tensor, mask_BL: Tensor, longest: int) -> tuple[Tensor, Tensor]:
    """Remove the positions where every text of the batch is padded: (B, L, E), (B, L) → (B, longest, E), (B, longest)."""
    if mask_BL[:, 0].all():
        return states_BLE[:, :longest], mask_BL[:, :longest]
    return states_BLE[:, -longest:], mask_BL[:, -longest:]


@dataclass
class TriangleLearner(ModuleLearner):
    """A learner of the projectors; a variant outputs one vector of the joint width."""

    def config(self) -> dict[str, Any]:
        """Return the output shape of the projectors, instead of a denoiser's conditioning."""
        return {"conditioning": {"width": self.settings["in_width"], "length": 1, "pooled_width": None, "mask": False}}


def make_learner(
    base: FrozenBase,
    encoder: TextEncoder,
    *,
    layers: int = 2,
    dropout: float = 0.1,
    attention_dropout: float = 0.0,
    pool: str = "last",
) -> TriangleLearner:
    """Create the projectors: two layers as published, as many heads as the width allows, dropout for small corpora."""
    heads = max(heads for heads in (1, 2, 3, 4, 6, 8, 12) if encoder.width % heads == 0)
    settings: dict[str, Any] = {"in_width": encoder.width, "feature_width": base.width, "heads": heads}
    settings |= {"layers": layers, "dropout": dropout, "pool": pool, "attention_dropout": attention_dropout}
    return TriangleLearner(build("triangle", settings), "projector", "triangle", settings)


RECIPE = Recipe(
    steps=300, batch_size=256, learning_rate=1e-3, betas=(0.9, 0.98), weight_decay=0.01, warmup_steps=30, clip_norm=2.0
)
PLAN = Plan(
    name="mclip",
    learner=make_learner,
    length=LENGTH,
    phases=(Phase("align", TriangleDistillation, RECIPE, needs=PAIRS),),
    description=(
        "Triangle knowledge distillation on English texts and images, with all towers frozen. Other languages are reached "
        "zero-shot through the encoder, which comes from mCLIP's first stage (`mte`) or is any pretrained one."
    ),
    summary="mCLIP's projectors between {encoder} and the frozen dual encoder",
    frozen="The dual encoder and the encoder `{encoder}` are frozen",
    foundation=DUAL_ENCODER,
    generates_images=False,
    english_only=True,
)
PLUS = replace(
    PLAN,
    name="mclip+",
    description=(
        "Triangle knowledge distillation on images with texts in English and in the requested languages, with all towers "
        "frozen. The encoder comes from mCLIP's first stage (`mte`) or is any pretrained one."
    ),
    english_only=False,
)
