"""Check before anything is loaded that a method can train for a base, and leave out the phases that do not fit it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from hub.bases.family import family_of, pipeline_class_of
from hub.errors import DoesNotFit
from trainers.frozen.foundation import PIPELINE
from trainers.recipes.overrides import settings_of

if TYPE_CHECKING:
    from trainers.frozen.find_frozen import FrozenSource
    from trainers.recipes.plan import Phase, Plan


def fit_to_base(plan: Plan, source: FrozenSource, named: Collection[str] = ()) -> Plan:
    """Return the plan without the phases that do not fit the base, except those `named` by the user.

    Phases of encoders that compare them with the base's token by token compare their means if the base reads a mask.

    Raises DoesNotFit for a method that needs what the base does not have, and if no phase fits.
    """
    if plan.foundation is not PIPELINE:
        return plan
    family = family_of(source.folder, what=source.short_name)
    conditioning = family.conditioning(source.folder)
    others = "`mulan`, `pea`, `lora` or `memory`"
    if plan.requires and pipeline_class_of(source.folder) in family.trained_classes:
        name, clause = plan.requires
        if not getattr(family.frozen, name):
            raise DoesNotFit(
                f"`{plan.name}` needs a base {clause}, and `{source.short_name}` ({family.name}) is not one: train {others} for it."
            )
    if not conditioning.mask:
        return plan
    kept = tuple(_with_mask(each) for each in plan.phases if each.with_mask or each.name in named)
    if not kept:
        raise DoesNotFit(
            f"`{plan.name}` compares a module's tokens with the base's one by one, and `{source.short_name}` ({family.name}) reads "
            f"a mask, so that their numbers differ: train {others} for it."
        )
    return replace(plan, phases=kept)


def _with_mask(phase: Phase) -> Phase:
    """Return the phase for a base that reads a mask: texts in two languages have different numbers of tokens there."""
    if settings_of(phase).get("match") != "token":
        return phase
    return replace(phase, make=partial(phase.make, match="mean"))
