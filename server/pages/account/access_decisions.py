"""/settings/access: requests for gated artifacts, those that the user has made and those that wait for the user's answer."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from hub.errors import InvalidRequest
from hub.registry.accounts.permissions import Caller
from hub.registry.artifacts.access_requests import STATUSES, requests_for, requests_of, set_status
from server.auth.access import Hub
from server.auth.caller import require_admin
from server.auth.csrf_forms import SignedIn, SignedInForm, account_in, actor_in
from server.pages.account.settings_frame import ACCESS, account_page, done


def show_requests(request: Request, hub: Hub, session: SignedIn) -> Response:
    """Show both lists. `?status` chooses between waiting, accepted and rejected requests for the user's own artifacts."""
    status = request.query_params.get("status", "pending")
    problem = None
    if status not in STATUSES:
        problem, status = (
            InvalidRequest(f"{status[:40]!r} is not a status: choose one of {', '.join(STATUSES)}."),
            "pending",
        )
    may_list = session.caller.may_list(account_in(session).name)
    database = hub.registry.database
    context = {
        "waiting": requests_for(database, _owners(session.caller), status) if may_list else [],
        "made": requests_of(database, account_in(session)) if may_list else [],
        "status": status,
        "statuses": STATUSES,
    }
    return account_page("access.html", ACCESS, request, hub, session, context, problem=problem)


def decide(request: Request, hub: Hub, form: SignedInForm) -> Response:
    """Accept or reject a request. Raises UnknownArtifact, UnknownAccount, Forbidden, InvalidRequest."""
    assert form.session is not None
    caller, status = form.session.caller, form.get("status")
    artifact = hub.registry.repository(form.get("artifact"), caller.readers())
    require_admin(caller, artifact.name)
    user, reason = hub.accounts.get(form.get("user")), form.get("reason").strip()
    if status not in {"accepted", "rejected"} or not reason.isprintable():
        raise InvalidRequest("this form is incomplete: go back, reload the page and choose again.")
    set_status(hub.registry.database, artifact.name, user, status, actor_in(request, form), reason=reason)
    return done(ACCESS, "answered")


def _owners(caller: Caller) -> list[str]:
    """Return the owners, in lower case, whose artifacts the caller administers as owner: not all, even for administrators."""
    assert caller.account is not None
    return [caller.account.key, *(name for name, role in caller.roles.items() if role == "admin")]
