"""The bottleneck adapter, a parameter-efficient baseline: a hundred thousand parameters between encoder and base.

Comparative studies use the adapter (Houlsby et al., ICML 2019, arXiv 1902.00751) but give no usable training recipe:
their loss contains a reconstruction without a decoder. It is therefore trained like the other adapters here, on texts
alone and then through the frozen denoiser, which makes their scores comparable.

Shape letters: E encoder width, C conditioning width.
"""

from __future__ import annotations

from typing import Any

from hub.bases.frozen import FrozenBase
from hub.errors import DoesNotFit
from trainers.learners.learner import make_module_learner
from trainers.objectives.hybrid_distillation import HYBRID, HybridDistillation
from trainers.objectives.token_distillation import DISTIL, STORY, TokenDistillation
from trainers.recipes.plan import DISTILLED_DENOISER, Phase, Plan

WIDTH = 64
"""R of the study; with C = 768 and no first projection that is 100,672 parameters."""


def bottleneck_settings(encoder_width: int, base: FrozenBase) -> dict[str, Any]:
    """Return the sizes of E → C → R → C.

    Raises `DoesNotFit` for bases with a pooled input or a mask, for which this adapter is not defined.
    """
    if base.pooled_width is not None:
        raise DoesNotFit(
            f"a bottleneck outputs token embeddings only, but this base also needs a pooled embedding of width "
            f"{base.pooled_width}: train `pea` or `mulan` instead."
        )
    if base.mask:
        raise DoesNotFit(
            f"a bottleneck outputs no mask, but this base ({base.family}) needs one: train `mulan` or `pea` instead."
        )
    return {"in_width": encoder_width, "out_width": base.width, "bottleneck_width": WIDTH}


PLAN = Plan(
    name="bottleneck",
    learner=make_module_learner("adapter", "bottleneck", bottleneck_settings),
    length=None,
    keeps_base=True,
    phases=(
        Phase("distil", TokenDistillation, DISTIL, description=STORY),
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
