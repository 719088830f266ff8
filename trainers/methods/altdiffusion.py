"""AltDiffusion (Ye et al., AAAI 2024, arXiv 2308.09991): a multilingual encoder is distilled from the base's text encoder,
then the denoiser is trained on its output.

    teach         the student's pooled state imitates the teacher's (AltCLIP, Chen et al., ACL Findings 2023, arXiv 2211.06679)
    contrastive   AltCLIP's second stage, on images with texts; optional: it runs if a recipe or `--set` names it
    concept       the base's denoising loss, training only the denoiser's cross-attention
    quality       the same loss with a tenth of the prompts dropped, training the whole denoiser, with averaged weights

Quirks of the originals, which are the defaults of the classes here:

* Teacher learning matches one state per text, the student's first with the teacher's at the end token. The states that
  condition the denoiser are never compared, so the denoiser must be trained afterwards. `match="token"` compares all.
* Concept alignment is described as training keys and values. The published code tests `'to_k' or 'to_v' in name`, which is
  always true, so queries and outputs are trained as well; `only_keys_and_values` follows the description.
* The published schedules keep the learning rate constant: the cosine in the code is bypassed.

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
from trainers.objectives.reader_tuning import TEACH, TEACHING, DenoiserTuning, TeacherLearning
from trainers.recipes.plan import READER_TEXTS, READER_THROUGH_DENOISER, Phase, Plan


class ImageTextContrast(Objective[TextReader]):
    """AltCLIP's second stage: contrast between the texts and the images of a batch, with a frozen vision tower.

    The pooled state passes through the frozen text projection of the dual encoder whose text tower was the teacher, so both
    are in that encoder's space, at its own frozen temperature.
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
        """Prepare the loss.

        `vision` names the dual encoder, whose image features are cached and shared with `mclip`. `state` is the pooled
        state of a text: the `first`, as in AltCLIP, or the one at the teacher's `end` token, for a student that was
        distilled token by token. `rows` is the number of rows of logits in memory at a time (0: all).

        Raises `InvalidRequest`, and `DoesNotFit` for a dual encoder that does not project states of the base's width.
        """
        self.check_vision(features.dual.model, vision, features.base.width)
        if state not in ("first", "end"):
            raise InvalidRequest(f"`state` must be first or end, not {state!r}.")
        set_trainable(module, text)
        super().__init__(module, features)
        self._projection: nn.Linear = features.dual.model.text_projection
        self._scale = float(features.dual.model.logit_scale.exp().clamp(max=100.0))  # CLIP has the same bound.
        self._state = state
        self._rows = rows

    @staticmethod
    def check_vision(model: nn.Module, vision: str, width: int) -> None:
        """Raise `DoesNotFit` for a dual encoder, with or without weights, that does not project states of the base's width."""
        projection = getattr(model, "text_projection", None)
        if not isinstance(projection, nn.Linear) or projection.in_features != width:
            found = f"of width {projection.in_features}" if isinstance(projection, nn.Linear) else "in another way"
            raise DoesNotFit(
                f"`{vision}` projects text states {found}, but the base uses states of width {width}: `vision` must be the dual "
                "encoder whose text tower the base uses."
            )

    def loss(self, draw: Draw) -> Loss:
        """Return the symmetric InfoNCE over the batches of all processes, a scalar; texts of one image are positives."""
        features, rows_B = self._features, draw.indices_B
        states_BSC = self.module.read(features, rows_B).tokens_BLC
        meaning_B = features.meaning_N[rows_B]
        places_B = torch.zeros_like(meaning_B) if self._state == "first" else features.end_M[meaning_B]
        pooled_BC = states_BSC[torch.arange(len(rows_B)), places_B]
        group_B = meaning_B.to(states_BSC.device)
        text_BP, image_BP, group_B = map(
            all_gather_rows, (self._projection(pooled_BC), features.images_MP[meaning_B], group_B)
        )
        return Loss(symmetric_contrast(text_BP, image_BP, self._scale, group_B, rows=self._rows), {})


class ConceptAlignment(DenoiserTuning):
    """The denoising loss, training only the denoiser's cross-attention."""

    def __init__(self, module: TextReader, features: FeatureDataset, *, only_keys_and_values: bool = False) -> None:
        """`only_keys_and_values` follows the paper's description; the published code also trains queries and outputs."""
        super().__init__(module, features, trainable=keys_and_values if only_keys_and_values else cross_attention)


Quality = partial(DenoiserTuning, trainable=denoiser, empty_share=0.1)

CONTRASTIVE = Recipe(steps=200, batch_size=128, learning_rate=1e-4, warmup_steps=20, weight_decay=0.02, ema_decay=0.98)
"""Our values: the original publishes neither learning rate nor batch size, only two million pairs."""
CONCEPT = Recipe(steps=200, batch_size=64, learning_rate=2e-4, warmup_steps=20, weight_decay=0.01, ema_decay=0.98)
QUALITY = Recipe(
    steps=100, batch_size=64, learning_rate=5e-5, warmup_steps=10, weight_decay=0.01, hold_share=1.0, ema_decay=0.98
)
PLAN = Plan(
    name="altdiffusion",
    learner=partial(make_student, delta="lora"),
    length=None,
    requires=("has_cross_attention", "whose denoiser has cross-attention, which it trains"),
    phases=(
        Phase(
            "teach",
            partial(TeacherLearning, match="token"),
            TEACH,
            needs=READER_TEXTS,
            description=TEACHING,
        ),
        Phase(
            "contrastive",
            partial(ImageTextContrast, state="end"),
            CONTRASTIVE,
            needs=("images",),
            optional=True,
            description="the encoder is trained by contrast between texts and images",
        ),
        Phase(
            "concept",
            ConceptAlignment,
            CONCEPT,
            needs=READER_THROUGH_DENOISER,
            description="the denoiser's cross-attention is trained on its output",
        ),
        Phase(
            "quality",
            Quality,
            QUALITY,
            needs=READER_THROUGH_DENOISER,
            description="the whole denoiser is trained with {empty_share:.0%} of the prompts dropped",
        ),
    ),
    description=(
        "The encoder is a copy of the multilingual one. The published AltDiffusion distils the pooled state alone and trains "
        "its denoiser for 750,000 steps."
    ),
    summary="a text encoder initialised from {encoder}, and a denoiser trained on its output",
    frozen="The encoder is initialised from `{encoder}`; the change of the denoiser is a separate file that can be removed",
)
