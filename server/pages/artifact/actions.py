"""Forms on the pages of an artifact: like it, and yank a revision or undo that."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from hub.errors import InvalidRequest
from hub.publish.commit import yank
from hub.registry.artifacts.repositories import like, unlike
from server.auth.access import Hub, VisibleArtifact, VisibleRepository
from server.auth.caller import actor_of, caller_of, require_acting, require_write
from server.auth.csrf_forms import SignedInForm
from server.http.urls import page_path, view_path
from server.pages.login import SEE_OTHER

MAX_REASON = 500
"""Characters of the reason for yanking."""


def change_like(request: Request, hub: Hub, form: SignedInForm, repository: VisibleRepository) -> Response:
    """Like the artifact, or remove the like, and redirect to its page. Sending the form twice changes nothing. Raises Forbidden."""
    caller = caller_of(request, hub)
    account = require_acting(caller, repository.name, "like")
    change = like if form.get("liked") == "yes" else unlike
    change(hub.registry.database, repository.name, account, actor_of(request, caller))
    return RedirectResponse(page_path(repository), SEE_OTHER)


def change_yank(request: Request, hub: Hub, form: SignedInForm, artifact: VisibleArtifact) -> Response:
    """Yank a revision, or undo it, and redirect to the history. Raises Forbidden, UnknownRevision, InvalidRequest."""
    caller = caller_of(request, hub)
    require_write(caller, artifact.name)
    is_yanked, reason = form.get("yanked") == "yes", " ".join(form.get("reason").split())
    if len(reason) > MAX_REASON:
        raise InvalidRequest(f"the reason has {len(reason)} characters: use at most {MAX_REASON}.")
    if is_yanked and not reason:
        raise InvalidRequest("the reason is missing: go back and explain why this revision should not be used.")
    actor = actor_of(request, caller)
    yank(artifact, form.get("revision"), hub.registry, hub.store, actor, yanked=is_yanked, reason=reason)
    return RedirectResponse(view_path(artifact, "commits", "main"), SEE_OTHER)
