"""/administration/files: files that scanners found malicious, files that administrators have blocked, and hidden artifacts."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from hub.administration.moderation import BlockFile, HideArtifact, ShowArtifact, UnblockFile
from hub.administration.unsafe_files import AllowFile, ListMaliciousFiles
from hub.errors import HubError, InvalidRequest
from hub.local import LocalHub
from hub.registry.accounts.permissions import Actor
from hub.registry.moderation.blocked_files import blocked_files
from hub.registry.moderation.hidden_artifacts import hidden_artifacts
from server.auth.access import Hub
from server.auth.csrf_forms import Form, actor_in
from server.http.urls import Segment
from server.pages.account.settings_frame import typed
from server.pages.administration.administration_frame import (
    FILES,
    AdministratorForm,
    AdministratorSession,
    administration_page,
    done,
)

_MAX_SHOWN = 200


def show_files(request: Request, hub: Hub, session: AdministratorSession) -> Response:  # noqa: ARG001 - the dependency checks it
    """List what is not served. `?artifact` and `?file` fill in the form that blocks or hides something."""
    return _page(request, hub)


def allow_file(request: Request, hub: Hub, form: AdministratorForm, digest: Segment) -> Response:
    """Allow or block downloads of a malicious file. Raises InvalidName, UnknownFile."""
    is_allowed = form.get("allowed") == "yes"
    AllowFile(digest=digest, allowed=is_allowed).run(hub, actor_in(request, form))
    return done(FILES, "allowed" if is_allowed else "blocked")


def block(request: Request, hub: Hub, form: AdministratorForm) -> Response:
    """Block a file of an artifact, or hide the whole artifact if no file is named."""
    artifact, path, reason = form.get("artifact").strip(), form.get("file").strip(), form.get("reason")
    try:
        if path:
            BlockFile(artifact=artifact, file=path, reason=reason).run(hub, actor_in(request, form))
        else:
            HideArtifact(name=artifact, reason=reason).run(hub, actor_in(request, form))
    except InvalidRequest as error:
        return _page(request, hub, form=form, problem=error)
    return done(FILES, "blocked" if path else "hidden")


def unblock(request: Request, hub: Hub, form: AdministratorForm) -> Response:
    """Serve a blocked file again, or show a hidden artifact. Raises InvalidName, UnknownArtifact."""
    if digest := form.get("digest"):
        UnblockFile(digest=digest).run(hub, actor_in(request, form))
        return done(FILES, "unblocked")
    ShowArtifact(name=form.get("artifact")).run(hub, actor_in(request, form))
    return done(FILES, "shown")


def _page(request: Request, hub: LocalHub, *, form: Form | None = None, problem: HubError | None = None) -> Response:
    names = ("artifact", "file", "reason")
    asked = {name: request.query_params.get(name, "")[:1100] for name in names}
    context = {
        "malicious": ListMaliciousFiles(limit=_MAX_SHOWN).run(hub, Actor("")),
        "blocked": blocked_files(hub.registry.database, _MAX_SHOWN),
        "hidden": hidden_artifacts(hub.registry.database, _MAX_SHOWN),
        "typed": typed(form, *names) if form else asked,
    }
    return administration_page("files.html", FILES, request, hub, context, problem=problem)
