"""GET …/compatible: what fits this base, or which bases a module fits, with the reason where not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Annotated, Literal

from fastapi import Query as Parameter
from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from hub.errors import HubError, WrongRequest
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.compatibility import Fit, encoder_problem, gives, judge
from hub.records import Artifact, Query
from server.api.languages import MOST_BASES
from server.auth.access import Hub
from server.auth.caller import caller_of
from server.http.wire import Body, answer
from server.openapi.parameters import Named


class CompatibleBody(Body):
    """Judged by conditioning, and by the digests of base and encoder, where they are known."""

    artifact: str
    asked: Literal["modules", "bases"] = Field(description="Of a base its modules, of a module its bases.")
    fits: list[Fit]
    total: int = Field(
        description="Modules that were made for a base which reads the same; of a module, pairs that were judged."
    )


def get_compatible(
    request: Request,
    hub: Hub,
    artifact: Named,
    limit: Annotated[int, Parameter(ge=1, le=100)] = 20,
    offset: Annotated[int, Parameter(ge=0, le=10_000)] = 0,
) -> Response:
    """What goes with a base or a module."""
    readers = caller_of(request, hub).owners()
    bases = hub.registry.find(Query(kind="base", sort="name", limit=MOST_BASES, readers=readers, scores="best")).items
    if artifact.kind == "base":
        found, total = _modules(hub, artifact, bases, readers, limit, offset)
        return answer({"artifact": str(artifact.name), "asked": "modules", "fits": found, "total": total})
    if not artifact.variants:
        raise WrongRequest(
            f"`{artifact.name}` is of kind `{artifact.kind}` and has no variant: ask about a base or a module."
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
    """Modules made for the base, then those for bases that read the same; best measured first."""
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
    """Each variant of a module, or the one made for a base, with its encoder taken into account."""
    for variant in module.variants:
        if made_for is not None and variant.base.name.rpartition("/")[2].lower() != made_for.name.lower():
            continue
        fit = judge(module, variant, base)
        found = (encoder_problem(pin, _encoder(hub, pin.name)) for pin in variant.encoders)
        problems = [problem for problem in found if problem]
        yield _with(fit, problems) if problems else fit


def _with(fit: Fit, problems: list[str]) -> Fit:
    kept = () if fit.fits else fit.reasons
    return dataclasses.replace(fit, fits=False, reasons=(*kept, *problems))


def _encoder(hub: LocalHub, name: str) -> Artifact | None:
    try:
        return hub.registry.get(name)
    except HubError:
        return None  # An upstream repository's name, or one of somebody else's registry.


def _reads_the_same(one: Artifact, other: Artifact) -> bool:
    return (
        one.conditioning is not None and other.conditioning is not None and gives(one.conditioning, other.conditioning)
    )
