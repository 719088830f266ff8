"""GET …/compatible: modules that fit a base, or bases that fit a module, and why others do not fit."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query as Parameter
from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from hub.advice.fits import has_same_conditioning, judge_variants
from hub.catalogue.base_facts import MAX_BASES
from hub.errors import InvalidRequest
from hub.local import LocalHub
from hub.publish.compatibility import Fit
from hub.records import Artifact, Query
from server.auth.access import Hub
from server.auth.caller import caller_of
from server.http.response_bodies import Body, json_response
from server.openapi.parameters import ApiArtifact


class CompatibleBody(Body):
    """Compatibility by conditioning and, as far as they are known, by the digests of base and encoder."""

    artifact: str
    lists: Literal["modules", "bases"] = Field(
        description="What `fits` lists: `modules` for a base, `bases` for a module."
    )
    fits: list[Fit]
    total: int = Field(
        description="For a base, the number of modules for bases with the same conditioning; for a module, the number of checked pairs."
    )


def get_compatible(
    request: Request,
    hub: Hub,
    artifact: ApiArtifact,
    limit: Annotated[int, Parameter(ge=1, le=100, description="Maximum number of results.")] = 20,
    offset: Annotated[int, Parameter(ge=0, le=10_000, description="Results to skip.")] = 0,
) -> Response:
    """List the modules that fit a base, or the bases that fit a module.

    Raises InvalidRequest for other kinds.
    """
    readers = caller_of(request, hub).readers()
    bases = hub.registry.find(Query(kind="base", sort="name", limit=MAX_BASES, readers=readers, scores="best")).items
    if artifact.kind == "base":
        found, total = _modules(hub, artifact, bases, readers, limit, offset)
        return json_response({"artifact": str(artifact.name), "lists": "modules", "fits": found, "total": total})
    if not artifact.variants:
        raise InvalidRequest(
            f"`{artifact.name}` is of kind `{artifact.kind}` and has no variants: choose a base or a module."
        )
    judged = [fit for base in bases for fit in judge_variants(hub.registry, artifact, base, readers)]
    judged.sort(key=lambda fit: (not fit.fits, not fit.made_for_it, fit.base))
    return json_response(
        {
            "artifact": str(artifact.name),
            "lists": "bases",
            "fits": judged[offset : offset + limit],
            "total": len(judged),
        }
    )


def _modules(
    hub: LocalHub, base: Artifact, bases: tuple[Artifact, ...], readers: tuple[str, ...] | None, limit: int, offset: int
) -> tuple[list[Fit], int]:
    """Return the modules for this base, then those for bases with the same conditioning, each best reproduced first."""
    similar = [each for each in bases if each.name != base.name and has_same_conditioning(each, base)]
    found, total = list[Fit](), 0
    for each in (base, *similar):
        room = limit - len(found)
        page = hub.registry.find(
            Query(
                base=each.name.name, limit=max(room, 0), offset=max(0, offset - total), readers=readers, scores="best"
            )
        )
        total += page.total
        found += [
            fit
            for module in page.items
            for fit in judge_variants(hub.registry, module, base, readers, made_for=each.name)
        ]
    return found, total
