"""Check before anything is loaded that a method can train for a base, and leave out the phases that do not fit it."""

from __future__ import annotations

import inspect
from collections.abc import Collection
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hub.bases.family import Family, families, family_of, pipeline_class_of
from hub.errors import DoesNotFit
from trainers.frozen.foundation import PIPELINE, without_weights
from trainers.recipes.overrides import settings_of

if TYPE_CHECKING:
    from hub.conditioning import Conditioning
    from hub.local import LocalHub
    from trainers.frozen.find_frozen import FrozenSource
    from trainers.recipes.plan import Phase, Plan

OTHERS = "`mulan`, `pea`, `lora` or `memory`"
"""Methods that train for every family."""


def refuse_by_card(plan: Plan, base: str, hub: LocalHub, named: Collection[str] = ()) -> None:
    """Raise the DoesNotFit of `fit_to_base` before a download, if the card of a registered base shows a misfit.

    A card names its family in its tags. Without one, or for a base that is not registered, this does nothing.
    """
    known = hub.registry.base_named(base)
    artifact = hub.registry.get(known) if known else None
    if plan.foundation is not PIPELINE or artifact is None or artifact.conditioning is None:
        return
    if (family := next((each for each in families() if each.name in artifact.tags), None)) is not None:
        title = artifact.name.name
        # The tag of a family that is not trained may stand for another one: FLUX.2's dev and klein share theirs.
        if family.trained_classes:
            _fitting(plan, family, artifact.conditioning, title, named)


def fit_to_base(plan: Plan, source: FrozenSource, named: Collection[str] = ()) -> Plan:
    """Return the plan without the phases that do not fit the base, except those `named` by the user.

    Phases of encoders that compare them with the base's token by token compare their means if the base reads a mask.

    Raises DoesNotFit for a method that needs what the base does not have, and if no phase fits.
    """
    if plan.foundation is not PIPELINE:
        return plan
    family = family_of(source.folder, what=source.short_name)
    if pipeline_class_of(source.folder) not in family.trained_classes:
        return plan  # opening it raises an error that names the classes which are trained
    return _fitting(plan, family, family.conditioning(source.folder), source.short_name, named)


def check_vision(plan: Plan, vision: FrozenSource | None, base: str, hub: LocalHub) -> None:
    """Raise the DoesNotFit of a phase for whose `vision` the base's width is wrong, before the base's weights are looked for.

    The width is that of the card of a registered base, or of the folder `base`; for other bases, this does nothing.
    """
    checks = [each for phase in plan.phases if (each := getattr(phase.objective, "check_vision", None)) is not None]
    if vision is None or not checks:
        return
    known = hub.registry.base_named(base)
    conditioning = hub.registry.get(known).conditioning if known else None
    if conditioning is None and (Path(base) / "model_index.json").is_file():
        conditioning = family_of(Path(base)).conditioning(Path(base))
    if conditioning is not None:
        model = without_weights(vision.folder)
        for check in checks:
            check(model, vision.short_name, conditioning.width)


def _fitting(plan: Plan, family: Family, conditioning: Conditioning, name: str, named: Collection[str] = ()) -> Plan:
    if plan.requires is not None and not getattr(family.frozen, plan.requires[0]):
        raise DoesNotFit(
            f"`{plan.name}` needs a base {plan.requires[1]}, and `{name}` ({family.name}) is not one: train {OTHERS} for it."
        )
    if plan.cropping is not None and "sizes_B6" not in inspect.signature(family.frozen.predict).parameters:
        raise DoesNotFit(
            f"the `predict` of the family of `{name}` ({family.name}) takes no `sizes_B6`: omit `center_crop`, `random_crops`, "
            "`random_flip` and `aspect_buckets`."
        )
    if plan.cropping is not None and plan.cropping.aspect_buckets and not family.frozen.takes_any_shape:
        known = ", ".join(each.name for each in families() if each.trained_classes and each.frozen.takes_any_shape)
        raise DoesNotFit(
            f"`aspect_buckets` is for {known}, and `{name}` ({family.name}) is trained on square images alone: omit it, or use "
            "`random_crops`."
        )
    if not conditioning.mask:
        return plan
    kept = tuple(_with_mask(each) for each in plan.phases if each.with_mask or each.name in named)
    if not kept:
        raise DoesNotFit(
            f"`{plan.name}` compares a module's tokens with the base's one by one, and `{name}` ({family.name}) reads a mask, so that "
            f"their numbers differ: train {OTHERS} for it."
        )
    return replace(plan, phases=kept)


def _with_mask(phase: Phase) -> Phase:
    """Return the phase for a base that reads a mask: texts in two languages have different numbers of tokens there."""
    if settings_of(phase).get("match") != "token":
        return phase
    return replace(phase, make=partial(phase.make, match="mean"))
