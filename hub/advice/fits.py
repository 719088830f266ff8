"""Check which variants of a module fit a base, their encoders included."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from hub.errors import HubError
from hub.names import ArtifactName
from hub.publish.compatibility import Fit, check_fit, encoder_problem
from hub.records import Artifact
from hub.registry import Registry


def judge_variants(
    registry: Registry,
    module: Artifact,
    base: Artifact,
    readers: tuple[str, ...] | None,
    made_for: ArtifactName | None = None,
) -> Iterator[Fit]:
    """Yield the fit of each variant of a module, or only of the variant for `made_for`; encoders are checked, too."""
    for variant in module.variants:
        if made_for is not None and variant.base.name.rpartition("/")[2].lower() != made_for.name.lower():
            continue
        fit = check_fit(module, variant, base)
        found = (encoder_problem(pin, _encoder(registry, pin.name, readers)) for pin in variant.encoders)
        if problems := [problem for problem in found if problem]:
            reasons = () if fit.fits else fit.reasons
            fit = dataclasses.replace(fit, fits=False, reasons=(*reasons, *problems))
        yield fit


def _encoder(registry: Registry, name: str, readers: tuple[str, ...] | None) -> Artifact | None:
    try:
        return registry.get(name, readers)
    except HubError:
        return None  # It names an upstream repository, one in another registry, or one that the caller cannot see.


def has_same_conditioning(one: Artifact, other: Artifact) -> bool:
    """Return whether two bases take the same embeddings, so that a module for one fits the other."""
    return (
        one.conditioning is not None and other.conditioning is not None and other.conditioning.accepts(one.conditioning)
    )
