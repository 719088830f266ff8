"""Full fine-tuning, the baseline: a copy of the multilingual encoder and the whole denoiser learn together.

Token distillation first, since a denoiser that is given noise for words forgets how to draw before the encoder can speak.
Then the base's own denoising loss with a tenth of the texts dropped, everything learning. Published as an encoder and all
weights of the denoiser.
"""

from __future__ import annotations

from functools import partial

from trainers.learners.student import make_student
from trainers.learners.text_reader import everything
from trainers.loop.recipe import Recipe
from trainers.objectives.reader_tuning import TEACH, DenoiserTuning, TeacherLearning
from trainers.recipes.plan import READER_TEXTS, READER_THROUGH_DENOISER, Phase, Plan

FullTuning = partial(DenoiserTuning, learns=everything, empty_share=0.1)

RECIPE = Recipe(steps=300, batch_size=64, learning_rate=1e-4, warmup_steps=30, weight_decay=0.01, ema_decay=0.98)
PLAN = Plan(
    name="full",
    learner=partial(make_student, delta="weights"),
    length=None,
    phases=(
        Phase("distil", partial(TeacherLearning, match="token"), TEACH, needs=READER_TEXTS),
        Phase("everything", FullTuning, RECIPE, needs=READER_THROUGH_DENOISER),
    ),
    story=(
        "Full fine-tuning, the baseline: token distillation into a copy of the multilingual encoder, then the base's own "
        "denoising loss with encoder and denoiser learning together."
    ),
    result="a text encoder of its own, begun from {encoder}, and a denoiser fine-tuned with it",
    frozen="Nothing of the base is frozen but the autoencoder; the base itself is kept beside and comes back when the module is unloaded",
)
