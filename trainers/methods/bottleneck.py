"""The bottleneck adapter, a parameter-efficient baseline: a hundred thousand parameters between encoder and base.

Comparative studies use the adapter (Houlsby et al., ICML 2019, arXiv 1902.00751) but give no usable training recipe:
their loss contains a reconstruction without a decoder. It is therefore trained like the other adapters here, on texts
alone and then through the frozen denoiser, which makes their scores comparable.

Shape letters: E encoder width, C conditioning width.
"""

from __future__ import annotations

from typing import Any

from hub.bases.frozen import FrozenBase
from trainers.learners.learner import make_module_learner
from trainers.objectives.hybrid_distillation import HYBRID, HybridDistillation
from trainers.objectives.token_distillation import DISTIL, STORY, TokenDistillation
from trainers.recipes.plan import DISTILLED_DENOISER, Phase, Plan

WIDTH = 64
"""R of the study; with C = 768 and no first projection that is 100,672 parameters."""


def bottleneck_settings(encoder_width: int, base: FrozenBase) -> dict[str, Any]:
    """Return the sizes of E → C → R → C, with a pooled head and the encoder's mask if the base reads them."""
    sizes: dict[str, Any] = {"in_width": encoder_width, "out_width": base.width, "bottleneck_width": WIDTH}
    if base.pooled_width is not None:
        sizes["pooled_width"] = base.pooled_width
    return {**sizes, "mask": True} if base.mask else sizes


PLAN = Plan(
    name="bottleneck",
    learner=make_module_learner("adapter", "bottleneck", bottleneck_settings),
    length=None,
    keeps_base=True,
    phases=(
        Phase("distil", TokenDistillation, DISTIL, description=STORY, with_mask=False),
        Phase(
            "hybrid",
            HybridDistillation,
            HYBRID,
            needs=DISTILLED_DENOISER,
            description="distillation through the frozen denoiser",
        ),
    ),
    description="The study gives no training recipe; this one is ours, the same as for `pea`.",
)
