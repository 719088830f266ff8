"""/settings/files: the files that scanners found malicious, for administrators."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import RedirectResponse, Response

from hub.administration.unsafe_files import AllowFile, ListMaliciousFiles
from hub.errors import Forbidden
from server.auth.access import Hub
from server.auth.browser_session import BrowserSession, csrf_token_of
from server.auth.caller import actor_of
from server.auth.csrf_forms import Form, SignedIn, SignedInForm
from server.http.urls import Segment
from server.pages.login import FORM_HEADERS, SEE_OTHER
from server.pages.rendering import render


def _administrator(session: BrowserSession | None) -> BrowserSession:
    if session is None or not session.caller.may_change_server:
        raise Forbidden("only administrators of this server see these files: log in as one.")
    return session


def _administrators_form(form: SignedInForm) -> Form:
    """Return the form. Raises Forbidden unless an administrator has sent it."""
    _administrator(form.session)
    return form


def show_files(request: Request, hub: Hub, session: SignedIn) -> Response:
    """List the files that are not served because they are malicious, and those that are served although they are."""
    caller = _administrator(session).caller
    context = {
        "files": ListMaliciousFiles().run(hub, actor_of(request, caller)),
        "csrf_token": csrf_token_of(request, hub),
    }
    return render("malicious_files.html", context, request=request, headers=FORM_HEADERS)


def allow_file(
    request: Request, hub: Hub, form: Annotated[Form, Depends(_administrators_form)], digest: Segment
) -> Response:
    """Allow or block downloads of a file."""
    actor = actor_of(request, _administrator(form.session).caller)
    AllowFile(digest=digest, allowed=form.get("allowed") == "yes").run(hub, actor)
    return RedirectResponse("/settings/files", SEE_OTHER)
