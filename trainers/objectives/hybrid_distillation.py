"""The hybrid distillation of PEA-Diffusion (Ma et al., ECCV 2024, arXiv 2311.17086): the base is distilled from itself.

Teacher and student are one frozen denoiser on the same noisy latents. The teacher is conditioned on the English text
through the base's encoder, the student on the text in the other language through the projector.

    L = z · MSE(ε_student, target) + (1 − z) · [MSE(ε_student, ε_teacher) + 0.1 · Σ MSE(block outputs)]

z is 1 if the image comes from the culture of the text's language, 0 if the text is a translation. A corpus says so in its column of
native rows; a text without English is native.

Shape letters: B batch, L tokens of the encoder, E its width, S tokens of the base, C their width, K H W a latent.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hub.errors import DoesNotFit
from trainers.inputs.features import FeatureDataset
from trainers.learners.losses import feature_mse, prediction_mse
from trainers.learners.text_reader import TextReader, embeddings_of, set_trainable, text
from trainers.loop.method import Draw, Loss
from trainers.loop.recipe import Recipe
from trainers.objectives.noise import draw_noisy, outputs_of
from trainers.objectives.objective import Objective, drop_prompts

HYBRID = Recipe(steps=60, batch_size=32, learning_rate=2e-4, warmup_steps=10, weight_decay=0.0, ema_decay=0.9)


class HybridDistillation(Objective[nn.Module]):
    """Distillation from the English prompt for translated texts, denoising for native ones."""

    compares_with_english = False
    keeps_denoiser = True

    def __init__(
        self,
        module: nn.Module,
        features: FeatureDataset,
        *,
        native_share: float = 0.0,
        feature_weight: float = 0.1,
        empty_share: float = 0.1,
        noise_offset: float = 0.0,
        feature_blocks: int = 0,
        skip_broken_features: bool = False,
        drop_pooled: bool = True,
    ) -> None:
        """`native_share` of the translated texts have z = 1 too. The published scripts (`train_*_zh.py`) have quirks, each an option here:

        `noise_offset` is 0.5 there by default, far above the usual 0.05 to 0.1: see `objectives.noise.add_noise`.
        `feature_blocks` compares only the first N down and up blocks (0: all). Their 3 for SDXL and 4 for SD 1.5 are all.
        `skip_broken_features` ignores blocks that overflow to NaN or infinity, as the SD 1.5 script does in fp16; otherwise
        such a block makes the loss NaN, which stops the run.
        `drop_pooled=False` replaces only the token embeddings of a dropped prompt and keeps its pooled embedding, as the
        SDXL script does: the module is then never trained on an empty pooled embedding. Other bases are not affected.

        A text reader is trained likewise. Raises `DoesNotFit` for one that trains the denoiser.
        """
        if isinstance(module, TextReader):
            if module.denoiser is not None:
                raise DoesNotFit(
                    "the denoiser is distilled from itself here, so it must be frozen: `--set module.denoiser=false`."
                )
            set_trainable(module, text)
        super().__init__(module, features)
        self._noise_offset = noise_offset
        self._feature_blocks = feature_blocks
        self._skip_broken_features = skip_broken_features
        self._drop_pooled = drop_pooled
        self._native_share = native_share
        self._feature_weight = feature_weight
        self._empty_share = empty_share

    def loss(self, draw: Draw) -> Loss:
        """Return L, a scalar, with the base's own target instead of ε if it predicts velocity."""
        base = self._features.base
        rows_B = drop_prompts(draw, self._empty_share)
        batch = draw_noisy(self._features, draw, offset=self._noise_offset)
        is_native_B = torch.rand(len(rows_B), generator=draw.generator) < self._native_share
        native_B = (is_native_B | self._features.native_N[draw.indices_B]).float()
        native_B = native_B.to(base.device, non_blocking=True)
        teacher, student = self._features.teacher_embeddings(rows_B), embeddings_of(self.module, self._features, rows_B)
        if student.pooled_BP is not None and not self._drop_pooled:
            teacher = teacher._replace(pooled_BP=self._features.teacher_embeddings(draw.indices_B).pooled_BP)
            student = student._replace(pooled_BP=embeddings_of(self.module, self._features, draw.indices_B).pooled_BP)
        blocks = dict(enumerate(block for group in base.blocks for block in group[: self._feature_blocks or None]))
        with torch.no_grad(), outputs_of(blocks, base.image_states) as teacher_outputs:
            teacher_BKHW = base.predict(batch.noised_BKHW, batch.steps_B, *teacher[:3], **batch.sizes)
        with outputs_of(blocks, base.image_states) as student_outputs:
            student_BKHW = base.predict(batch.noised_BKHW, batch.steps_B, *student[:3], **batch.sizes)
        student_features, teacher_features = [*student_outputs.values()], [*teacher_outputs.values()]
        if self._skip_broken_features:
            student_features, teacher_features = zero_non_finite(student_features, teacher_features)
        denoising = prediction_mse(student_BKHW, batch.target_BKHW, native_B)
        logits = prediction_mse(student_BKHW, teacher_BKHW, 1 - native_B)
        # Lumina 2 and Z-Image have no blocks to compare: theirs hold text and image in one sequence, of a length that varies.
        features = feature_mse(student_features, teacher_features, 1 - native_B) if blocks else torch.zeros_like(logits)
        total = denoising + logits + self._feature_weight * features
        parts = {"denoising": denoising.detach(), "logits": logits.detach(), "features": features.detach()}
        return Loss(total, parts)


def zero_non_finite(student: list[Tensor], teacher: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Replace a block by zeros in both lists if either is not finite, so that it adds neither loss nor gradient.

    Shapes are unchanged. The check stays on the device, since reading its result would wait for the device.
    """
    finite = [ours.isfinite().all() & theirs.isfinite().all() for ours, theirs in zip(student, teacher, strict=True)]
    ours, theirs = (
        [torch.where(ok, block, torch.zeros_like(block)) for ok, block in zip(finite, blocks, strict=True)]
        for blocks in (student, teacher)
    )
    return ours, theirs
