"""Check before anything is loaded that a method can train for a base, and leave out the phases that do not fit it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from hub.bases.family import family_of
from hub.errors import DoesNotFit
from trainers.frozen.foundation import PIPELINE

if TYPE_CHECKING:
    from trainers.frozen.find_frozen import FrozenSource
    from trainers.recipes.plan import Plan


def fit_to_base(plan: Plan, source: FrozenSource, named: Collection[str] = ()) -> Plan:
    """Return the plan without the phases that do not fit the base, except those `named` by the user.

    Raises DoesNotFit for a method that trains a text reader, and a base that reads more than its token states; and if no phase fits.
    """
    if plan.foundation is not PIPELINE:
        return plan
    family = family_of(source.folder, what=source.short_name)
    conditioning = family.conditioning(source.folder)
    if reads_tokens(plan) and (family.denoiser != "unet" or conditioning.pooled_width is not None or conditioning.mask):
        others = "`mulan`, `pea` or `memory`" if conditioning.mask else "`mulan`, `pea`, `token-kd` or `memory`"
        raise DoesNotFit(
            f"`{plan.name}` needs a UNet that reads token states alone, as in Stable Diffusion 1 and 2, and `{source.short_name}` "
            f"({family.name}) has none: train {others} for it."
        )
    kept = tuple(each for each in plan.phases if each.with_mask or not conditioning.mask or each.name in named)
    if not kept:
        raise DoesNotFit(
            f"`{plan.name}` compares a module's tokens with the base's one by one, and `{source.short_name}` ({family.name}) reads "
            "a mask, so that their numbers differ: train `mulan`, `pea` or `memory` for it."
        )
    return replace(plan, phases=kept)


def reads_tokens(plan: Plan) -> bool:
    """Return whether the plan trains a `TextReader`: it learns from the base's states, and reads no states of an encoder."""
    return "teacher" in plan.needs and "states" not in plan.needs
