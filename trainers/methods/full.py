"""Full fine-tuning, the baseline: a copy of the multilingual encoder and the whole denoiser are trained together.

Token distillation comes first: with embeddings that are still noise, the denoiser would forget how to generate images
before the encoder is useful. The second phase trains everything with the base's own denoising loss and a tenth of the
prompts dropped. The artifact contains the encoder and all weights of the denoiser.
"""

from __future__ import annotations

from functools import partial

from trainers.learners.student import make_student
from trainers.learners.text_reader import everything
from trainers.loop.recipe import Recipe
from trainers.objectives.reader_tuning import TEACH, TEACHING, DenoiserTuning, TeacherLearning
from trainers.recipes.plan import READER_TEXTS, READER_THROUGH_DENOISER, Phase, Plan

FullTuning = partial(DenoiserTuning, trainable=everything, empty_share=0.1)

RECIPE = Recipe(steps=300, batch_size=64, learning_rate=1e-4, warmup_steps=30, weight_decay=0.01, ema_decay=0.98)
PLAN = Plan(
    name="full",
    learner=partial(make_student, delta="weights"),
    length=None,
    phases=(
        Phase(
            "distil",
            partial(TeacherLearning, match="token"),
            TEACH,
            needs=READER_TEXTS,
            description=TEACHING,
        ),
        Phase(
            "everything",
            FullTuning,
            RECIPE,
            needs=READER_THROUGH_DENOISER,
            description="the base's own denoising loss, which trains encoder and denoiser, with {empty_share:.0%} of the prompts dropped",
        ),
    ),
    description="This is full fine-tuning, the baseline, with a copy of the multilingual encoder.",
    summary="a text encoder initialised from {encoder}, and a denoiser fine-tuned with it",
    frozen="Only the autoencoder is frozen; the base's own weights are restored when the module is unloaded",
)
