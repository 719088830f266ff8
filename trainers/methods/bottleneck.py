"""The bottleneck adapter as a parameter-efficient baseline: a hundred thousand weights between encoder and base.

Comparative studies give the adapter (Houlsby et al., ICML 2019, arXiv 1902.00751) and no training recipe that could be
followed: their loss names a reconstruction without a decoder. So it is trained here as its neighbours are, on texts
alone, then through the frozen denoiser, which makes its figures comparable with theirs.

Shape letters: E encoder width, C conditioning width.
"""

from __future__ import annotations

from typing import Any

from hub.bases.frozen import FrozenBase
from hub.errors import DoesNotFit
from trainers.learners.learner import of_module
from trainers.objectives.hybrid_distillation import HYBRID, HybridDistillation
from trainers.objectives.token_distillation import DISTIL, TokenDistillation
from trainers.recipes.plan import THROUGH_DENOISER, Phase, Plan

WIDTH = 64
"""R of the study; with C = 768 and no first projection that is 100,672 weights."""


def bottleneck_settings(encoder_width: int, base: FrozenBase) -> dict[str, Any]:
    """E → C → R → C. DoesNotFit for bases with a pooled input or a mask, for which nobody defined this adapter."""
    if base.pooled_width is not None:
        raise DoesNotFit(
            f"a bottleneck gives token states alone, and this base also reads a pooled vector of width {base.pooled_width}: "
            "train `pea` or `mulan` for it."
        )
    if base.mask:
        raise DoesNotFit(f"a bottleneck gives no mask, and this base ({base.family}) reads one: train `mulan` for it.")
    return {"in_width": encoder_width, "out_width": base.width, "bottleneck_width": WIDTH}


PLAN = Plan(
    name="bottleneck",
    learner=of_module("adapter", "bottleneck", bottleneck_settings),
    length=None,
    phases=(
        Phase("distil", TokenDistillation, DISTIL),
        Phase("hybrid", HybridDistillation, HYBRID, needs=THROUGH_DENOISER),
    ),
    story=(
        "Two phases on one residual bottleneck: token distillation on texts alone, then distillation through the frozen "
        "denoiser. The study names the adapter and no recipe; this one is ours, the same as `pea` has here."
    ),
)
