"""Check from configuration files alone whether a plan can be trained for a base, before anything is opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hub.bases.family import families, family_of, pipeline_class_of
from hub.conditioning import Conditioning
from hub.errors import DoesNotFit

if TYPE_CHECKING:
    from trainers.recipes.plan import Plan


def check_fit(plan: Plan, folder: Path, name: str) -> None:
    """Raise `DoesNotFit` if `plan` cannot be trained for the pipeline in `folder`, called `name`; it says what can be.

    Plans for dual encoders take any base that their foundation finds.
    """
    if not plan.conditions_pipeline:
        return
    family, pipeline_class = family_of(folder, what=name), pipeline_class_of(folder)
    if pipeline_class not in family.trained_classes:
        known = ", ".join(sorted(each for one in families() for each in one.trained_classes))
        raise DoesNotFit(f"`{name}` is a {pipeline_class}, and training supports bases of class {known}.")
    conditioning = family.conditioning(folder)
    if reason := _misfit(plan, family.denoiser, conditioning):
        others = [each for each in _all_plans() if each.conditions_pipeline]
        fitting = [f"`{each.name}`" for each in others if not _misfit(each, family.denoiser, conditioning)]
        raise DoesNotFit(
            f"`{plan.name}` cannot be trained for `{name}` ({family.name}): {reason}. "
            f"This base can be trained with {', '.join(fitting) or 'no bundled method'}."
        )


def _misfit(plan: Plan, denoiser: str, conditioning: Conditioning) -> str:
    """Return why the denoiser cannot be conditioned by what the plan trains; empty if it can."""
    if plan.needs_unet and denoiser != "unet":
        return "it trains through the cross-attention of a UNet, and this base has a transformer"
    if conditioning.pooled_width is not None and "pooled" not in plan.gives:
        return "the base reads a pooled vector, which this method does not train"
    if conditioning.mask and "mask" not in plan.gives:
        return "the base reads a mask, which this method does not return"
    return ""


def _all_plans() -> list[Plan]:
    """Return the bundled plans."""
    from trainers.methods import METHODS, get_plan

    return [get_plan(name) for name in METHODS]
