"""Example images of an artifact that a visitor can see, for pages about several artifacts."""

from __future__ import annotations

from fastapi import Request

from hub.cards.card import FILE
from hub.errors import UnknownRevision
from hub.local import LocalHub
from hub.records import Artifact
from hub.registry.artifacts.access_requests import may_download
from hub.registry.artifacts.files import find_files
from server.auth.caller import caller_of
from server.http.card import front_matter_of
from server.pages.examples.card_examples import Example, listed_examples


def visible_examples(request: Request, hub: LocalHub, artifact: Artifact) -> list[Example]:
    """Return the examples in the newest card of an artifact; none if the visitor may not download its files, or all are yanked or gone."""
    database = hub.registry.database
    if not may_download(database, caller_of(request, hub), artifact):
        return []  # The images would not be served.
    try:
        shown = hub.registry.revision(artifact.name, with_files=False)
    except UnknownRevision:
        return []
    card = find_files(database, shown.id, [FILE]).get(FILE)
    return listed_examples(database, artifact, shown, front_matter_of(hub.store, card) or {})
