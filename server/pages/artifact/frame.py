"""The common parts of all pages of an artifact: its canonical address, the shown revision, tabs, like button and access request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from hub.catalogue.named_images import is_browsable
from hub.errors import AllYanked
from hub.local import LocalHub
from hub.records import Artifact, Revision
from hub.registry.accounts.permissions import Caller
from hub.registry.artifacts.repositories import likes
from hub.registry.moderation.hidden_artifacts import find_hidden
from hub.registry.parts import origin_of
from server.auth.access import get_by_any_name, is_dataset_request, requested_name
from server.auth.browser_session import csrf_token_of
from server.auth.caller import caller_of
from server.http.urls import commit_id, page_path, view_path
from server.pages.access_request import gate_of
from server.pages.rendering import render
from server.site.translation import gettext_noop

OVERVIEW, VIEWER, SCORES = gettext_noop("Overview"), gettext_noop("Viewer"), gettext_noop("Scores")
FILES, HISTORY, SETTINGS = gettext_noop("Files"), gettext_noop("History"), gettext_noop("Settings")


@dataclass(frozen=True, slots=True)
class Tab:
    """A link to one of the pages."""

    name: str
    url: str


def scores_path(artifact: Artifact) -> str:
    """Return the path of the page with the scores of an artifact."""
    return f"{page_path(artifact)}/scores"


def find_shown(request: Request, hub: LocalHub) -> Artifact | Response:
    """Return the artifact in the path, or a redirect to its canonical address from a bare name or a data set's name without prefix.

    Raises UnknownArtifact, also for one that the caller cannot see.
    """
    is_dataset = is_dataset_request(request)
    artifact = get_by_any_name(hub, requested_name(request), request, is_dataset=is_dataset or None)
    written = f"/{'datasets/' if is_dataset else ''}{_written_name(request)}"
    if written == quote(page_path(artifact)):
        return artifact
    tail, query = request.url.path.removeprefix(written), request.url.query
    return RedirectResponse(f"{page_path(artifact)}{tail}{f'?{query}' if query else ''}", 307)


def _written_name(request: Request) -> str:
    """Return the name as it is encoded in the path."""
    return "/".join(request.path_params[key] for key in ("repository", "owner", "name") if key in request.path_params)


def shown_revision(hub: LocalHub, artifact: Artifact, revision: str) -> Revision:
    """Return the revision that a page shows, without its files: if all of a branch are yanked, the newest one, with a notice."""
    try:
        return hub.registry.revision(artifact.name, revision, with_files=False)
    except AllYanked:
        return hub.registry.tip(artifact.name, revision, with_files=False)


def _can_write(hub: LocalHub, caller: Caller, artifact: Artifact) -> bool:
    """Return whether the page offers to change the artifact: not one of another hub, which is only mirrored here."""
    may_write = caller.in_browser and caller.may_write(artifact.name)
    return may_write and origin_of(hub.registry.database, artifact.name) is None


def render_tab(
    template: str,
    tab: str,
    request: Request,
    hub: LocalHub,
    artifact: Artifact,
    shown: Revision,
    context: dict[str, Any],
) -> Response:
    """Render a page of an artifact; `context` overrides what all of them share. `tab` is the name of the current tab."""
    caller = caller_of(request, hub)
    account = caller.account if caller.may_act else None
    is_head = not artifact.revision or shown.id == artifact.revision
    revision = "main" if is_head else commit_id(shown.id)
    scores = [Tab(SCORES, scores_path(artifact))] if artifact.scores else []
    images = [Tab(VIEWER, f"{page_path(artifact)}/viewer")] if is_browsable(hub.registry, artifact) else []
    is_admin = caller.in_browser and caller.may_administer(artifact.name)
    shared = {
        "artifact": artifact,
        "shown": shown,
        "revision": revision,
        "is_head": is_head,
        "commit_id": commit_id,
        "tab": tab,
        "tabs": [
            Tab(OVERVIEW, page_path(artifact)),
            *images,
            *scores,
            Tab(FILES, view_path(artifact, "tree", revision)),
            Tab(HISTORY, view_path(artifact, "commits", revision)),
            *([Tab(SETTINGS, f"{page_path(artifact)}/settings")] if is_admin else []),
        ],
        "can_like": account is not None,
        "is_liked": account is not None and likes(hub.registry.database, artifact.name, account),
        "hidden": find_hidden(hub.registry.database, artifact.name) if artifact.private else None,
        "can_write": _can_write(hub, caller, artifact),
        **gate_of(request, hub, artifact),
        "csrf_token": csrf_token_of(request, hub) if account else "",
    }
    return render(template, {**shared, **context}, request=request)
