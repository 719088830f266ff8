"""IAP, image as pivot (Hu et al., arXiv 2305.11540): a text encoder is trained so that the denoiser's cross-attention gives
the same output for a text as for its English translation, on the same noisy image.

    L = Σ_l w_l · d(CA_l(x_t, student(text)), CA_l(x_t, base's encoder(English)))

over the cross-attention layers l of one frozen denoiser and the same noisy latent x_t. There is no public code. The paper
does not say which layers, weights and initialisation it uses, so these are options: by default all layers have weight 1,
and d is the mean squared difference, since layers differ in size.

Shape letters: B batch, S tokens, C conditioning width.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from hub.errors import DoesNotFit
from trainers.inputs.features import FeatureDataset
from trainers.learners.student import make_student
from trainers.learners.text_reader import TextReader, set_trainable, text
from trainers.loop.method import Draw, Loss
from trainers.loop.recipe import Recipe
from trainers.objectives.noise import draw_noisy, outputs_of
from trainers.objectives.objective import Objective, drop_prompts
from trainers.objectives.reader_tuning import TEACH, TEACHING, TeacherLearning
from trainers.recipes.plan import READER_TEXTS, Phase, Plan


class AttentionMatching(Objective[TextReader]):
    """The distance between cross-attention outputs for a text and for its English translation."""

    def __init__(
        self,
        module: TextReader,
        features: FeatureDataset,
        *,
        layers: Mapping[str, float] | None = None,
        metric: str = "mse",
        empty_share: float = 0.1,
    ) -> None:
        """Prepare the loss, with `metric` `mse` or `cosine`.

        `layers` maps prefixes of layer names (`down_blocks`, `mid_block`, `up_blocks.1` …) to their weight w; other layers
        are ignored. None gives every layer weight 1. Raises `DoesNotFit` for an unknown prefix.
        """
        set_trainable(module, text)
        super().__init__(module, features)
        self._weights = weights_of(features.base.attentions, {"": 1.0} if layers is None else layers)
        self._metric = metric
        self._empty_share = empty_share

    def loss(self, draw: Draw) -> Loss:
        """Return the loss L above, a scalar; only the student receives gradients."""
        base = self._features.base
        rows_B = drop_prompts(draw, self._empty_share)
        batch = draw_noisy(self._features, draw)
        with torch.no_grad(), outputs_of(base.attentions, base.attended) as english:
            given = self._features.teacher_embeddings(rows_B)
            base.predict(batch.noised_BKHW, batch.steps_B, *given[:3], **batch.sizes)
        with outputs_of(base.attentions, base.attended) as student:
            given = self.module.read(self._features, rows_B)
            base.predict(batch.noised_BKHW, batch.steps_B, *given[:3], **batch.sizes)
        distances = [
            weight * distance(student[name], english[name], self._metric) for name, weight in self._weights.items()
        ]
        return Loss(torch.stack(distances).sum(), {})


def weights_of(names: Collection[str], layers: Mapping[str, float]) -> dict[str, float]:
    """Return the weight of each attention layer: that of its longest matching prefix.

    Raises `DoesNotFit` for a prefix that no layer has.
    """
    if unknown := [each for each in layers if not any(name.startswith(each) for name in names)]:
        raise DoesNotFit(f"no attention layer starts with `{unknown[0]}`; the layers are {', '.join(names)}.")
    found = {}
    for name in names:
        if fitting := [each for each in layers if name.startswith(each)]:
            found[name] = layers[max(fitting, key=len)]
    return found


def distance(student: Tensor, teacher: Tensor, metric: str) -> Tensor:
    """Return the distance between two layer outputs (B, S, C), a scalar.

    `mse` is the mean squared difference, `cosine` the mean of 1 − cos over positions. Raises `ValueError` otherwise.
    """
    match metric:
        case "mse":
            return F.mse_loss(student.float(), teacher.float())
        case "cosine":
            return (1 - F.cosine_similarity(student.float(), teacher.float(), dim=-1)).mean()
        case other:
            raise ValueError(f"`metric` must be mse or cosine, not {other!r}.")


RECIPE = Recipe(steps=150, batch_size=32, learning_rate=2e-4, warmup_steps=15, weight_decay=0.0, ema_decay=0.95)
PLAN = Plan(
    name="iap",
    learner=make_student,
    length=None,
    requires=(
        "compares_attention",
        "whose attention gives what the image reads apart from the text",
    ),
    phases=(
        Phase(
            "distil",
            partial(TeacherLearning, match="token"),
            TEACH,
            needs=READER_TEXTS,
            description=TEACHING,
        ),
        Phase(
            "attention",
            AttentionMatching,
            RECIPE,
            needs=("teacher", "latents"),
            description=(
                "IAP, which minimises the distance between the denoiser's cross-attention outputs for a text and for its English "
                "translation on the same noisy image"
            ),
        ),
    ),
    description="The encoder is a copy of the multilingual one. The published IAP has the phase `attention` alone.",
    summary="a text encoder initialised from {encoder}, in front of the frozen base",
    frozen="The base is frozen; the encoder is initialised from `{encoder}`",
)
