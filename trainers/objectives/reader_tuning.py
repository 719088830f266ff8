"""How a reader learns: from what the base's own encoder says, on texts alone, and by the base's own denoising loss.

Shape letters: B batch, S tokens, C conditioning width, K H W a latent.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from trainers.inputs.features import FeatureDataset
from trainers.learners.losses import prediction_mse
from trainers.learners.text_reader import TextReader, TrainablePart, set_trainable, text
from trainers.loop.method import Draw, Loss
from trainers.loop.recipe import Recipe
from trainers.objectives.noise import add_noise
from trainers.objectives.objective import Objective, drop_prompts
from trainers.objectives.token_distillation import TokenComparison

TEACH = Recipe(steps=1200, batch_size=128, learning_rate=1e-3, warmup_steps=100, weight_decay=0.02, ema_decay=0.99)
"""For an encoder of five million weights; XLM-R-large is taught at 1e-4."""


class TeacherLearning(Objective[TextReader]):
    """The reader says of a text in any language what the base's encoder says of its English."""

    def __init__(
        self,
        module: TextReader,
        features: FeatureDataset,
        *,
        match: str = "pooled",
        loss: str = "mse",
        temperature: float = 0.05,
        empty_share: float = 0.05,
    ) -> None:
        """`match` is `pooled`, the first state with the teacher's end state, or `token`, every state with its own.

        `loss` of pooled states is `mse`, `cosine` or `contrast`, the last one InfoNCE at `temperature` against the other
        meanings of the batch. Tokens have the loss of token distillation: MSE in units of the teacher's deviation, and the
        cosine between mean states.
        """
        set_trainable(module, text)
        super().__init__(module, features)
        self._match = match
        self._loss = loss
        self._temperature = temperature
        self._empty_share = empty_share
        self._compare = TokenComparison(features.teacher_MSC)

    def loss(self, draw: Draw) -> Loss:
        """Of one batch of texts; no image is looked at."""
        rows_B = drop_prompts(draw, self._empty_share)
        student_BSC = self.module.read(self._material, rows_B)
        teacher_BSC = self._material.teacher(rows_B)
        if self._match == "token":
            mse, cosine = self._compare(student_BSC, teacher_BSC)
            return Loss(mse + cosine, {"mse": mse.detach(), "cosine": cosine.detach()})
        meaning_B = self._material.meaning_N[rows_B]
        end_B = self._material.end_M[meaning_B].to(teacher_BSC.device)
        teacher_BC = teacher_BSC[torch.arange(len(rows_B), device=teacher_BSC.device), end_B]
        return Loss(self._pooled(student_BSC[:, 0], teacher_BC, meaning_B), {})

    def _pooled(self, student_BC: Tensor, teacher_BC: Tensor, meaning_B: Tensor) -> Tensor:
        match self._loss:
            case "mse":
                return F.mse_loss(student_BC.float(), teacher_BC)
            case "cosine":
                return (1 - F.cosine_similarity(student_BC.float(), teacher_BC, dim=1)).mean()
            case "contrast":
                return contrast(student_BC, teacher_BC, meaning_B, self._temperature)
            case other:
                raise ValueError(f"`loss` is mse, cosine or contrast, not {other!r}.")


def contrast(student_BC: Tensor, teacher_BC: Tensor, meaning_B: Tensor, temperature: float) -> Tensor:
    """InfoNCE from each student to its own teacher among the batch's; texts of the same meaning are no negatives."""
    similarity_BB = F.normalize(student_BC.float(), dim=1) @ F.normalize(teacher_BC, dim=1).T / temperature
    twins_BB = (meaning_B[:, None] == meaning_B[None]).fill_diagonal_(False).to(similarity_BB.device)
    own_B = torch.arange(len(similarity_BB), device=similarity_BB.device)
    return F.cross_entropy(similarity_BB.masked_fill(twins_BB, float("-inf")), own_B)


class DenoiserTuning(Objective[TextReader]):
    """The base's own loss, where parts of the denoiser learn, or of what reads for it."""

    def __init__(
        self,
        module: TextReader,
        features: FeatureDataset,
        *,
        learns: TrainablePart,
        empty_share: float = 0.0,
        empty_from: int = 0,
    ) -> None:
        """`empty_share` of the texts is dropped, for classifier-free guidance, from update `empty_from` on."""
        set_trainable(module, learns)
        super().__init__(module, features)
        self._empty_share = empty_share
        self._empty_from = empty_from

    def loss(self, draw: Draw) -> Loss:
        """MSE between the denoiser's prediction and the target of its prediction type."""
        rows_B = drop_prompts(draw, self._empty_share if draw.step >= self._empty_from else 0.0)
        base = self._material.base
        batch = add_noise(self._material.latents(draw.indices_B), base, draw.generator)
        states_BSC = self.module.read(self._material, rows_B)
        prediction_BKHW = self.module.predict(base, batch.noised_BKHW, batch.steps_B, states_BSC)
        return Loss(prediction_mse(prediction_BKHW, batch.target_BKHW), {})
