"""LoRA (Hu et al., ICLR 2022, arXiv 2106.09685) on the base itself, without a multilingual encoder.

Prompts use the base's own tokenizers and text encoders. A byte-level tokenizer accepts every script, but needs several tokens per
letter for scripts it was not trained on, and prompts longer than the base's limit are truncated.

Language models, which FLUX.2, Qwen-Image or Z-Image read, nearly know many languages. A LoRA of the encoder alone changes little, and
English is read without it. The optional phase `hybrid` trains such a LoRA by distillation through the frozen denoiser.
"""

from __future__ import annotations

from functools import partial

from trainers.learners.text_reader import everything
from trainers.learners.tuned_base import make_learner
from trainers.loop.recipe import Recipe
from trainers.objectives.hybrid_distillation import HYBRID, HybridDistillation
from trainers.objectives.reader_tuning import DenoiserTuning, TeacherLearning
from trainers.recipes.plan import READER_TEXTS, READER_THROUGH_DENOISER, Phase, Plan

DISTIL = Recipe(steps=1500, batch_size=64, learning_rate=2e-3, warmup_steps=100, weight_decay=0.0, ema_decay=0.99)
RECIPE = Recipe(steps=200, batch_size=64, learning_rate=5e-4, warmup_steps=20, weight_decay=0.0, ema_decay=0.98)
PLAN = Plan(
    name="lora",
    learner=make_learner,
    length=None,
    phases=(
        Phase(
            "distil",
            partial(TeacherLearning, match="token"),
            DISTIL,
            needs=READER_TEXTS,
            description="the text encoders are distilled from their own English, by {match} states",
        ),
        Phase(
            "hybrid",
            HybridDistillation,
            HYBRID,
            needs=("teacher", "latents"),
            optional=True,
            description="PEA's hybrid distillation through the frozen denoiser, which teaches with the English prompt",
        ),
        Phase(
            "denoise",
            partial(DenoiserTuning, trainable=everything, empty_share=0.1),
            RECIPE,
            needs=READER_THROUGH_DENOISER,
            description="the base's own denoising loss for all of its LoRAs",
        ),
    ),
    description=(
        "Prompts use the base's own tokenizers, which need several tokens per letter for scripts they were not trained on; "
        "longer prompts are truncated."
    ),
    summary="a LoRA of the base itself, without a multilingual encoder",
    frozen="All weights of the base are frozen; its LoRAs are in the files of diffusers and PEFT",
    keeps_base=True,
)
