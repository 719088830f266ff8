"""GET and POST /{owner}/{name}/settings: who can see an artifact and download its files."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from hub.errors import InvalidRequest
from hub.publish.publish import drain_outbox
from hub.registry.artifacts.repositories import change_settings
from server.auth.access import AdministeredArtifact, AdministeredRepository, Hub
from server.auth.caller import actor_of, caller_of
from server.auth.csrf_forms import SignedIn, SignedInForm
from server.http.urls import page_path
from server.pages.artifact.frame import SETTINGS, render_tab, shown_revision
from server.pages.login import SEE_OTHER
from server.site.translation import gettext_noop

VISIBILITIES = {
    "public": gettext_noop("Everyone can see it"),
    "private": gettext_noop("Only the owner and members of the organisation can see it"),
}
GATES = {
    "": gettext_noop("Everyone who can see it can download files"),
    "auto": gettext_noop("Users must request access, which is granted automatically"),
    "manual": gettext_noop("Users must request access, which an administrator of the artifact grants or rejects"),
}


def show_settings(request: Request, hub: Hub, _session: SignedIn, artifact: AdministeredArtifact) -> Response:
    """Show the settings to users who can change them. Raises LoginRequired, Forbidden."""
    context = {
        "visibilities": VISIBILITIES,
        "gates": GATES,
        "chosen": {"visibility": "private" if artifact.private else "public", "gated": artifact.gated},
        "is_changed": "changed" in request.query_params,
    }
    shown = shown_revision(hub, artifact, "main")
    return render_tab("artifact/settings.html", SETTINGS, request, hub, artifact, shown, context)


def change_visibility(request: Request, hub: Hub, form: SignedInForm, repository: AdministeredRepository) -> Response:
    """Change the settings, and redirect to the page that shows them. Raises Forbidden, InvalidRequest."""
    visibility, gated = form.get("visibility"), form.get("gated")
    if visibility not in VISIBILITIES or gated not in GATES:
        raise InvalidRequest("this form is incomplete: go back, reload the page and choose again.")
    settings: dict[str, object] = {"private": visibility == "private", "gated": gated}
    if any(getattr(repository, name) != value for name, value in settings.items()):
        change_settings(hub.registry.database, repository.name, actor_of(request, caller_of(request, hub)), **settings)
        drain_outbox(hub.registry, hub.store)
    return RedirectResponse(f"{page_path(repository)}/settings?changed", SEE_OTHER)
