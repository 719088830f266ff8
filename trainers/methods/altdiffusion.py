"""AltDiffusion (Ye et al., AAAI 2024, arXiv 2308.09991): a multilingual encoder learns from the base's own, then the
denoiser learns to read it.

    teach         the student's pooled state imitates the teacher's (AltCLIP, Chen et al., ACL Findings 2023, arXiv 2211.06679)
    contrastive   AltCLIP's second stage, on images with texts; optional, it runs where a recipe or `--set` names it
    concept       the base's denoising loss; only the denoiser's cross-attention learns
    quality       the same loss with a tenth of the texts dropped; the whole denoiser learns, averaged

Quirks of the originals, which are the defaults of the classes here:

* Teacher learning matches one state a text, the student's first with the teacher's at the end token; the states that the
  denoiser reads are never compared. That is why it has to learn afterwards. `match="token"` compares all states.
* Concept alignment is described as training keys and values. The published code tests `'to_k' or 'to_v' in name`, which is
  always true, so queries and outputs learn as well: `only_keys_and_values` is what the words say.
* The published schedules hold the rate: the cosine of the code is bypassed.

Shape letters: B batch, S tokens, C conditioning width, P width of a dual encoder's features.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from hub.errors import DoesNotFit, InvalidRequest
from trainers.inputs.features import FeatureDataset
from trainers.learners.contrast import all_gather_rows, symmetric_contrast
from trainers.learners.student import make_student
from trainers.learners.text_reader import TextReader, cross_attention, denoiser, keys_and_values, set_trainable, text
from trainers.loop.method import Draw, Loss
from trainers.loop.recipe import Recipe
from trainers.objectives.objective import Objective
from trainers.objectives.reader_tuning import TEACH, DenoiserTuning, TeacherLearning
from trainers.recipes.plan import READER_TEXTS, READER_THROUGH_DENOISER, Phase, Plan


class ImageTextContrast(Objective[TextReader]):
    """AltCLIP's second stage: a text must find its image among the batch's, and an image its texts, vision frozen.

    The pooled state goes through the frozen text projection of the dual encoder whose text tower taught it, so both are in
    that encoder's space, at its own frozen temperature.
    """

    def __init__(
        self,
        module: TextReader,
        features: FeatureDataset,
        *,
        vision: str = "emoji-clip",
        state: str = "first",
        rows: int = 0,
    ) -> None:
        """`vision` names the dual encoder; its features of images are cached, and shared with `mclip`.

        `state` is which state of a text is pooled: the `first`, as AltCLIP has it, or the one at the teacher's `end` token,
        where a student that was taught token by token has learnt to put it. `rows` of the logits are in memory at a time; 0
        takes all. DoesNotFit for a dual encoder that does not project states of the base's width.
        """
        projection = getattr(features.dual.model, "text_projection", None)
        if not isinstance(projection, nn.Linear) or projection.in_features != features.base.width:
            found = f"of width {projection.in_features}" if isinstance(projection, nn.Linear) else "in another way"
            raise DoesNotFit(
                f"`{vision}` projects texts {found}, and the base reads states of width {features.base.width}: `vision` must "
                "be the dual encoder whose text tower the base reads with."
            )
        if state not in ("first", "end"):
            raise InvalidRequest(f"`state` is first or end, not {state!r}.")
        set_trainable(module, text)
        super().__init__(module, features)
        self._projection = projection
        self._scale = float(features.dual.model.logit_scale.exp().clamp(max=100.0))  # as CLIP bounds it
        self._state = state
        self._rows = rows

    def loss(self, draw: Draw) -> Loss:
        """Symmetric InfoNCE over the batches of all processes; texts of one image are each other's positives."""
        features, rows_B = self._material, draw.indices_B
        states_BSC = self.module.read(features, rows_B)
        meaning_B = features.meaning_N[rows_B]
        places_B = torch.zeros_like(meaning_B) if self._state == "first" else features.end_M[meaning_B]
        pooled_BC = states_BSC[torch.arange(len(rows_B)), places_B]
        group_B = meaning_B.to(states_BSC.device)
        text_BP, image_BP, group_B = map(
            all_gather_rows, (self._projection(pooled_BC), features.images_MP[group_B], group_B)
        )
        return Loss(symmetric_contrast(text_BP, image_BP, self._scale, group_B, rows=self._rows), {})


class ConceptAlignment(DenoiserTuning):
    """Only the denoiser's cross-attention learns."""

    def __init__(self, module: TextReader, features: FeatureDataset, *, only_keys_and_values: bool = False) -> None:
        """`only_keys_and_values` is what the words of the original say; its code trains queries and outputs, too."""
        super().__init__(module, features, learns=keys_and_values if only_keys_and_values else cross_attention)


Quality = partial(DenoiserTuning, learns=denoiser, empty_share=0.1)

CONTRASTIVE = Recipe(steps=200, batch_size=128, learning_rate=1e-4, warmup_steps=20, weight_decay=0.02, ema_decay=0.98)
"""Ours: the original's rate and batch are not told beside its two million pairs."""
CONCEPT = Recipe(steps=200, batch_size=64, learning_rate=2e-4, warmup_steps=20, weight_decay=0.01, ema_decay=0.98)
QUALITY = Recipe(
    steps=100, batch_size=64, learning_rate=5e-5, warmup_steps=10, weight_decay=0.01, hold_share=1.0, ema_decay=0.98
)
PLAN = Plan(
    name="altdiffusion",
    learner=partial(make_student, delta="lora"),
    length=None,
    phases=(
        Phase("teach", partial(TeacherLearning, match="token"), TEACH, needs=READER_TEXTS),
        Phase("contrastive", partial(ImageTextContrast, state="end"), CONTRASTIVE, needs=("images",), optional=True),
        Phase("concept", ConceptAlignment, CONCEPT, needs=READER_THROUGH_DENOISER),
        Phase("quality", Quality, QUALITY, needs=READER_THROUGH_DENOISER),
    ),
    story=(
        "Three phases: a copy of the multilingual encoder learns from the base's own, token by token; the denoiser's "
        "cross-attention learns to read it; then the whole denoiser learns with a tenth of the texts dropped. The "
        "published AltDiffusion teaches the pooled state alone, and its denoiser learns for 750,000 steps. What the "
        "denoiser learnt is published as a LoRA of the nearest matrices of rank 32."
    ),
    result="a text encoder of its own, begun from {encoder}, and a denoiser that learnt to read it",
    frozen="The encoder began as a copy of `{encoder}`; the denoiser's change is a file of its own that can be taken away",
)
