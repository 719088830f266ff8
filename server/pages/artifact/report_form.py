"""GET and POST /{owner}/{name}/report: report an artifact to the administrators. Visitors log in first: an answer needs a reader."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from hub.errors import HubError, InvalidRequest, RateLimited
from hub.local import LocalHub
from hub.records import Artifact
from hub.registry.moderation.reports import MAX_TEXT, REASONS, add_report
from server.auth.access import Hub, VisibleArtifact
from server.auth.caller import actor_of, caller_of, require_acting
from server.auth.csrf_forms import Form, SignedIn, SignedInForm
from server.pages.artifact.frame import OVERVIEW, render_tab, shown_revision
from server.pages.login import SEE_OTHER


def show_form(request: Request, hub: Hub, _session: SignedIn, artifact: VisibleArtifact) -> Response:
    """Show the form. Raises LoginRequired."""
    return _page(request, hub, artifact)


def report(request: Request, hub: Hub, form: SignedInForm, artifact: VisibleArtifact) -> Response:
    """Send the report and redirect to the user's reports. Sending the form twice makes one. Raises Forbidden."""
    caller = caller_of(request, hub)
    account = require_acting(caller, artifact.name, "report")
    try:
        add_report(
            hub.registry.database, artifact, account, form.get("reason"), form.get("text"), actor_of(request, caller)
        )
    except (InvalidRequest, RateLimited) as error:
        return _page(request, hub, artifact, form=form, problem=error)
    return RedirectResponse("/settings/reports?done=reported", SEE_OTHER)


def _page(
    request: Request, hub: LocalHub, artifact: Artifact, *, form: Form | None = None, problem: HubError | None = None
) -> Response:
    context = {
        "reasons": REASONS,
        "max_text": MAX_TEXT,
        "typed": {name: form.get(name) if form else "" for name in ("reason", "text")},
        "problem": problem,
    }
    shown = shown_revision(hub, artifact, "main")
    page = render_tab("artifact/report.html", OVERVIEW, request, hub, artifact, shown, context)
    page.status_code = problem.status if problem else 200
    return page
