"""Compare the artifacts that a request names: the one query of the page and of the API."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import Request

from hub.advice.comparison import Comparison, check_names, compare
from hub.cards.card import FILE
from hub.local import LocalHub
from hub.records import Artifact
from hub.registry.artifacts.files import find_files
from server.auth.access import ArtifactMoved, get_by_any_name
from server.http.card import front_matter_of


def compare_named(request: Request, hub: LocalHub, names: Sequence[str]) -> Comparison:
    """Compare the artifacts with these names, which may be former names and other names of bases.

    Raises InvalidRequest for a wrong number of names or a repeated artifact, UnknownArtifact, also for one that the
    caller cannot see.
    """
    check_names(names)
    artifacts = [_named(request, hub, name) for name in names]
    return compare(hub.registry, hub.store, artifacts, [_front_matter(hub, each) for each in artifacts])


def _named(request: Request, hub: LocalHub, name: str) -> Artifact:
    try:
        return get_by_any_name(hub, name, request)
    except ArtifactMoved as moved:
        return get_by_any_name(hub, str(moved.new), request)


def _front_matter(hub: LocalHub, artifact: Artifact) -> dict[str, object]:
    card = find_files(hub.registry.database, artifact.revision, [FILE]).get(FILE) if artifact.revision else None
    return front_matter_of(hub.store, card) or {}
