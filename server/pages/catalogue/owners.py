"""/{owner}: a user, an organisation, or another name that artifacts have."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from hub.catalogue.owner_facts import find_owner
from hub.languages import MULTILINGUAL
from hub.local import LocalHub
from server.auth.caller import caller_of
from server.pages import formatting
from server.pages.core_words import KINDS_IN_PLURAL
from server.pages.rendering import render

MAX_LANGUAGES = 24
"""Languages that are shown at once; the others are one click away."""


def show_owner(request: Request, hub: LocalHub, name: str) -> Response:
    """Show an owner at its one address. Raises UnknownAccount if there is neither an account nor an artifact to see."""
    owner = find_owner(hub.registry, hub.accounts, name, caller_of(request, hub).readers())
    path = f"/{quote(owner.name)}"
    if request.url.path != path:
        return RedirectResponse(path, 307)
    tags = sorted(set(owner.languages) - {MULTILINGUAL}, key=lambda tag: (-owner.languages[tag], tag))
    languages = [formatting.language(tag) for tag in tags]
    context = {"owner": owner, "languages": languages, "max_languages": MAX_LANGUAGES, "headings": KINDS_IN_PLURAL}
    return render("catalogue/owner.html", context, request=request)
