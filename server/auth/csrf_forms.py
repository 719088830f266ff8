"""Forms of our pages, accepted only from a page that was shown to the same browser.

Three checks, each sufficient against another site: browsers say where a request comes from (`Sec-Fetch-Site`, else `Origin`), the
cookie is SameSite=Lax, and the form carries a token that only a page of this session knows.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from hub.errors import Forbidden, InvalidRequest
from hub.registry.accounts.permissions import ANONYMOUS, Account
from server.auth.access import Hub
from server.auth.browser_session import Visit, form_word, visit_of
from server.http.bodies import read_body

WORD = "form"
"""Name of the hidden field."""
_MAX_BYTES = 64 << 10
_MAX_FIELDS = 50


class LogInFirst(Exception):
    """The page needs a login."""


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a submitted form."""

    fields: Mapping[str, str]
    visit: Visit | None

    def get(self, name: str) -> str:
        """Return a field; empty when it is missing."""
        return self.fields.get(name, "")


async def _fields(request: Request) -> dict[str, str]:
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise InvalidRequest("a form was expected: send it from its page.")
    body = await read_body(request, _MAX_BYTES)
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MAX_FIELDS))
    except ValueError as error:
        raise InvalidRequest("this form cannot be read: send it from its page.") from error


def _form(request: Request, hub: Hub, fields: Annotated[dict[str, str], Depends(_fields)]) -> Form:
    """Return the form. Raises Forbidden unless it comes from a page that this browser was shown."""
    _require_own_page(request)
    word = form_word(request, hub)
    if not word or not hmac.compare_digest(word.encode(), fields.pop(WORD, "").encode("utf-8", "replace")):
        raise Forbidden("this form has expired: reload the page and try again.")
    visit = visit_of(request, hub)
    request.state.caller = visit.caller if visit else ANONYMOUS
    return Form(fields, visit)


def _member_form(form: Annotated[Form, Depends(_form)]) -> Form:
    """Return the form. Raises LogInFirst without a session."""
    if form.visit is None:
        raise LogInFirst
    return form


def _visit(request: Request, hub: Hub) -> Visit:
    """Return the session. Raises LogInFirst without one."""
    visit = visit_of(request, hub)
    if visit is None:
        raise LogInFirst
    request.state.caller = visit.caller
    return visit


Submitted = Annotated[Form, Depends(_form)]
MemberForm = Annotated[Form, Depends(_member_form)]
"""Declare it before parameters that depend on the caller, such as `artifact: Wanted`."""
Member = Annotated[Visit, Depends(_visit)]


def account_in(visit: Visit | None) -> Account:
    """Return the account of a session."""
    assert visit is not None, "a member's form has a session"
    assert visit.caller.account is not None, "every session has an account"
    return visit.caller.account


def _require_own_page(request: Request) -> None:
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    is_foreign = site != "same-origin" if site is not None else origin not in {None, str(request.base_url).rstrip("/")}
    if is_foreign:
        raise Forbidden("this form came from another site: send it from a page of this server.")
