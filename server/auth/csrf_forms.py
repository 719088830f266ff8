"""Accept forms, and calls of scripts, only from pages of this server that were shown to the same browser (CSRF protection).

Three checks, each of which is enough to stop other sites: browsers send the origin of a request (`Sec-Fetch-Site`, else `Origin`), the
cookie is SameSite=Lax, and the form, or a header of the call, carries a token that only a page of this session knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from hub.errors import Forbidden, InvalidRequest
from hub.registry.accounts.permissions import ANONYMOUS, Account, Actor
from server.auth.access import Hub
from server.auth.browser_session import BrowserSession, browser_session_of, is_csrf_token, is_from_own_page
from server.auth.caller import actor_of
from server.http.request_bodies import read_body

CSRF_HEADER = "x-csrf-token"
"""Header with the CSRF token in calls of our scripts. Other sites cannot send it: this server allows no requests across origins."""
CSRF_FIELD = "form"
"""Name of the hidden field with the CSRF token."""
_MAX_BYTES = 64 << 10
_MAX_FIELDS = 50


class LoginRequired(Exception):
    """The page requires a login."""


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a submitted form."""

    fields: Mapping[str, str]
    session: BrowserSession | None

    def get(self, name: str) -> str:
        """Return a field; empty when it is missing."""
        return self.fields.get(name, "")


async def form_fields(request: Request) -> dict[str, str]:
    """Return the fields of a form, unchecked. Raises InvalidRequest for anything else."""
    return await read_fields(request, _MAX_BYTES)


async def read_fields(request: Request, max_bytes: int) -> dict[str, str]:
    """Return the fields of a form of up to `max_bytes`, unchecked. Raises InvalidRequest for anything else, TooLarge."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise InvalidRequest("the request is not a form: use the page that shows it.")
    body = await read_body(request, max_bytes)
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MAX_FIELDS))
    except ValueError as error:
        raise InvalidRequest("this form is invalid: use the page that shows it.") from error


def checked_form(request: Request, hub: Hub, fields: Annotated[dict[str, str], Depends(form_fields)]) -> Form:
    """Return the form. Raises Forbidden unless it was sent from a page that was shown to this browser."""
    require_own_page(request)
    if not is_csrf_token(request, hub, fields.pop(CSRF_FIELD, "")):
        raise Forbidden("this form has expired: reload the page and try again.")
    session = browser_session_of(request, hub)
    request.state.caller = session.caller if session else ANONYMOUS
    return Form(fields, session)


def _signed_in_form(request: Request, hub: Hub, fields: Annotated[dict[str, str], Depends(form_fields)]) -> Form:
    """Return the form. Raises LoginRequired without a session, or after it has expired; else as `checked_form`."""
    require_own_page(request)
    if browser_session_of(request, hub) is None:
        raise LoginRequired
    return checked_form(request, hub, fields)


def _session(request: Request, hub: Hub) -> BrowserSession:
    """Return the session. Raises LoginRequired without one."""
    session = browser_session_of(request, hub)
    if session is None:
        raise LoginRequired
    request.state.caller = session.caller
    return session


def _page_call(request: Request, hub: Hub) -> None:
    """Make the session the caller if a script of our own pages has sent the request, with the CSRF token in a header."""
    given = request.headers.get(CSRF_HEADER, "")
    if "authorization" not in request.headers and is_from_own_page(request) and is_csrf_token(request, hub, given):
        session = browser_session_of(request, hub)
        request.state.caller = session.caller if session else ANONYMOUS


SubmittedForm = Annotated[Form, Depends(checked_form)]
SignedInForm = Annotated[Form, Depends(_signed_in_form)]
"""A form of a logged-in user. Declare it before parameters that depend on the caller, such as `artifact: VisibleArtifact`."""
SignedIn = Annotated[BrowserSession, Depends(_session)]
PageCall = Annotated[None, Depends(_page_call)]
"""Lets scripts of our own pages call an endpoint of the API with the session's permissions; the same three checks as of a form.

Only the endpoints of an upload declare it, before parameters that depend on the caller.
"""


def _password_form(form: SignedInForm) -> Form:
    """Return the form. Raises Forbidden for a session started with a token, which could otherwise create tokens that outlive it."""
    assert form.session is not None
    if not form.session.caller.may_change_account:
        raise Forbidden("you're logged in with a token: log in with your password to change your account.")
    return form


PasswordForm = Annotated[Form, Depends(_password_form)]


def actor_in(request: Request, form: Form) -> Actor:
    """Return the user of a signed-in form as recorded in the audit log."""
    assert form.session is not None, "a signed-in form has a session"
    return actor_of(request, form.session.caller)


def account_in(session: BrowserSession | None) -> Account:
    """Return the account of a session."""
    assert session is not None, "a signed-in form has a session"
    assert session.caller.account is not None, "every session has an account"
    return session.caller.account


def require_own_page(request: Request) -> None:
    """Raise Forbidden if another site has sent the form, according to the browser."""
    if not is_from_own_page(request):
        raise Forbidden("this form was sent from another site: use the page of this server.")
