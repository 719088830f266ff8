"""GET …/compatible: modules that fit a base, or bases that fit a module, with reasons for misfits."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Annotated, Literal

from fastapi import Query as Parameter
from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from hub.errors import HubError, InvalidRequest
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.compatibility import Fit, check_fit, conditioning_fits, encoder_problem
from hub.records import Artifact, Query
from server.api.languages import MAX_BASES
from server.auth.access import Hub
from server.auth.caller import caller_of
from server.http.wire import Body, answer
from server.openapi.parameters import Named


class CompatibleBody(Body):
    """Compatibility by conditioning, and by the digests of base and encoder as far as known."""

    artifact: str
    asked: Literal["modules", "bases"] = Field(description="`modules` for a base, `bases` for a module.")
    fits: list[Fit]
    total: int = Field(
        description="For a base, modules made for bases with the same conditioning; for a module, checked pairs."
    )


def get_compatible(
    request: Request,
    hub: Hub,
    artifact: Named,
    limit: Annotated[int, Parameter(ge=1, le=100)] = 20,
    offset: Annotated[int, Parameter(ge=0, le=10_000)] = 0,
) -> Response:
    """List the modules that fit a base, or the bases that fit a module."""
    readers = caller_of(request, hub).owners()
    bases = hub.registry.find(Query(kind="base", sort="name", limit=MAX_BASES, readers=readers, scores="best")).items
    if artifact.kind == "base":
        found, total = _modules(hub, artifact, bases, readers, limit, offset)
        return answer({"artifact": str(artifact.name), "asked": "modules", "fits": found, "total": total})
    if not artifact.variants:
        raise InvalidRequest(
            f"`{artifact.name}` is of kind `{artifact.kind}` and has no variants: name a base or a module."
        )
    judged = [fit for base in bases for fit in _judged(hub, artifact, base)]
    judged.sort(key=lambda fit: (not fit.fits, not fit.made_for_it, fit.base))
    return answer(
        {
            "artifact": str(artifact.name),
            "asked": "bases",
            "fits": judged[offset : offset + limit],
            "total": len(judged),
        }
    )


def _modules(
    hub: LocalHub, base: Artifact, bases: tuple[Artifact, ...], readers: tuple[str, ...] | None, limit: int, offset: int
) -> tuple[list[Fit], int]:
    """Return modules made for the base, then those for bases with the same conditioning, best measured first."""
    alike = [each for each in bases if each.name != base.name and _reads_the_same(each, base)]
    found, total = list[Fit](), 0
    for each in (base, *alike):
        room = limit - len(found)
        page = hub.registry.find(
            Query(
                base=each.name.name, limit=max(room, 0), offset=max(0, offset - total), readers=readers, scores="best"
            )
        )
        total += page.total
        found += [fit for module in page.items for fit in _judged(hub, module, base, made_for=each.name)]
    return found, total


def _judged(hub: LocalHub, module: Artifact, base: Artifact, made_for: ArtifactName | None = None) -> Iterator[Fit]:
    """Yield the fit of each variant of a module, or of the one made for a base, with its encoders checked."""
    for variant in module.variants:
        if made_for is not None and variant.base.name.rpartition("/")[2].lower() != made_for.name.lower():
            continue
        fit = check_fit(module, variant, base)
        found = (encoder_problem(pin, _encoder(hub, pin.name)) for pin in variant.encoders)
        if problems := [problem for problem in found if problem]:
            kept = () if fit.fits else fit.reasons
            fit = dataclasses.replace(fit, fits=False, reasons=(*kept, *problems))
        yield fit


def _encoder(hub: LocalHub, name: str) -> Artifact | None:
    try:
        return hub.registry.get(name)
    except HubError:
        return None  # The name of an upstream repository, or of one in another registry.


def _reads_the_same(one: Artifact, other: Artifact) -> bool:
    return (
        one.conditioning is not None
        and other.conditioning is not None
        and conditioning_fits(one.conditioning, other.conditioning)
    )
