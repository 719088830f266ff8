"""Losses for a `TextReader`: distillation from the base's own encoder, on texts alone, and the base's denoising loss.

Shape letters: B batch, S tokens, C conditioning width, K H W a latent.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hub.embeddings import Embeddings, masked_mean
from hub.errors import DoesNotFit
from trainers.inputs.features import FeatureDataset
from trainers.learners.losses import prediction_mse, token_mse
from trainers.learners.text_reader import TextReader, TrainablePart, set_trainable, text
from trainers.loop.method import Draw, Loss
from trainers.loop.recipe import Recipe
from trainers.objectives.noise import draw_noisy
from trainers.objectives.objective import Objective, drop_prompts
from trainers.objectives.token_distillation import TokenComparison

TEACH = Recipe(steps=1200, batch_size=128, learning_rate=1e-3, warmup_steps=100, weight_decay=0.02, ema_decay=0.99)
"""For an encoder of five million parameters; XLM-R-large is trained at 1e-4."""
TEACHING = "the encoder is distilled from the base's text encoder by its {match} states"
"""Description of the phase, for the card."""


class TeacherLearning(Objective[TextReader]):
    """Match the reader's states of a text in any language to the base encoder's states of its English meaning."""

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
        """Prepare the loss.

        `match` is `pooled`, the first state against the teacher's end state; `token`, every state against the teacher's at the
        same position; or `mean`, the mean of the states that count, for bases whose mask gives texts different numbers of
        tokens. `loss` of pooled states is `mse`, `cosine` or `contrast`: InfoNCE at `temperature` against the other meanings
        of the batch. The other two use the loss of token distillation: MSE in units of the teacher's standard deviation, and the
        cosine between mean states. The pooled vector of bases that read one is compared in any case, as there.

        Raises `DoesNotFit` if the reader has no text part, and for `pooled` if the base's states are not those of a CLIP.
        """
        if match == "pooled" and not features.base.reads_clip:
            raise DoesNotFit(
                f"`match=pooled` reads the state at CLIP's end token, and this base ({features.base.family}) reads another encoder's "
                "states: use `match=token`, or `match=mean` for a base with a mask."
            )
        set_trainable(module, text)
        super().__init__(module, features)
        self._match = match
        self._loss = loss
        self._temperature = temperature
        self._empty_share = empty_share
        sample = features.teacher_sample()
        self._compare = TokenComparison(_means(sample) if match == "mean" else sample.tokens_BLC)
        self._deviation_P = None if sample.pooled_BP is None else sample.pooled_BP.std(dim=0).clamp_min(1e-4)

    def loss(self, draw: Draw) -> Loss:
        """Return the loss of a batch of texts, a scalar; no images are used. Raises `DoesNotFit` if numbers of tokens differ."""
        rows_B = drop_prompts(draw, self._empty_share)
        student, teacher = self.module.read(self._features, rows_B), self._features.teacher_embeddings(rows_B)
        total, parts = self._of_tokens(student, teacher, rows_B)
        if self._deviation_P is not None and student.pooled_BP is not None and teacher.pooled_BP is not None:
            pooled = token_mse(student.pooled_BP, teacher.pooled_BP, self._deviation_P)
            total, parts = total + pooled, {**parts, "pooled": pooled.detach()}
        return Loss(total, parts)

    def _of_tokens(self, student: Embeddings, teacher: Embeddings, rows_B: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        student_BSC, teacher_BSC = student.tokens_BLC, teacher.tokens_BLC
        if self._match == "pooled":
            meaning_B = self._features.meaning_N[rows_B]
            end_B = self._features.end_M[meaning_B].to(teacher_BSC.device)
            teacher_BC = teacher_BSC[torch.arange(len(rows_B), device=teacher_BSC.device), end_B]
            return self._pooled(student_BSC[:, 0], teacher_BC, meaning_B), {}
        if self._match == "mean":
            student_BSC, teacher_BSC = _means(student), _means(teacher)
        if student_BSC.shape != teacher_BSC.shape:
            raise DoesNotFit(
                f"`match=token` needs as many tokens from the encoder as from the base, and they have {student_BSC.shape[1]} and "
                f"{teacher_BSC.shape[1]}: use `match=mean`, or omit `prompt.length`."
            )
        mse, cosine = self._compare(student_BSC, teacher_BSC)
        return mse + cosine, {"mse": mse.detach(), "cosine": cosine.detach()}

    def _pooled(self, student_BC: Tensor, teacher_BC: Tensor, meaning_B: Tensor) -> Tensor:
        match self._loss:
            case "mse":
                return F.mse_loss(student_BC.float(), teacher_BC)
            case "cosine":
                return (1 - F.cosine_similarity(student_BC.float(), teacher_BC, dim=1)).mean()
            case "contrast":
                return contrast(student_BC, teacher_BC, meaning_B, self._temperature)
            case other:
                raise ValueError(f"`loss` must be mse, cosine or contrast, not {other!r}.")


def _means(given: Embeddings) -> Tensor:
    """Return the mean of the tokens that count as a sequence of one token, (B, 1, C)."""
    return masked_mean(given.tokens_BLC, given.mask_BL)[:, None]


def contrast(student_BC: Tensor, teacher_BC: Tensor, meaning_B: Tensor, temperature: float) -> Tensor:
    """Return InfoNCE from students (B, C) to teachers (B, C), a scalar; texts with equal `meaning_B` are not negatives."""
    similarity_BB = F.normalize(student_BC.float(), dim=1) @ F.normalize(teacher_BC, dim=1).T / temperature
    duplicates_BB = (meaning_B[:, None] == meaning_B[None]).fill_diagonal_(False).to(similarity_BB.device)
    own_B = torch.arange(len(similarity_BB), device=similarity_BB.device)
    return F.cross_entropy(similarity_BB.masked_fill(duplicates_BB, float("-inf")), own_B)


class DenoiserTuning(Objective[TextReader]):
    """The base's own denoising loss, training the chosen parts of the reader or of its denoiser."""

    compares_with_english = False

    def __init__(
        self,
        module: TextReader,
        features: FeatureDataset,
        *,
        trainable: TrainablePart,
        empty_share: float = 0.0,
        empty_from: int = 0,
    ) -> None:
        """Train the parts `trainable`; from update `empty_from` on, drop `empty_share` of the prompts for guidance.

        Raises `DoesNotFit` if the reader has no such part.
        """
        set_trainable(module, trainable)
        super().__init__(module, features)
        self._empty_share = empty_share
        self._empty_from = empty_from

    def loss(self, draw: Draw) -> Loss:
        """Return the MSE between the denoiser's prediction and the target of its prediction type, a scalar."""
        rows_B = drop_prompts(draw, self._empty_share if draw.step >= self._empty_from else 0.0)
        base = self._features.base
        batch = draw_noisy(self._features, draw)
        given = self.module.read(self._features, rows_B)
        prediction_BKHW = self.module.predict(base, batch.noised_BKHW, batch.steps_B, given, **batch.sizes)
        return Loss(prediction_mse(prediction_BKHW, batch.target_BKHW), {})
