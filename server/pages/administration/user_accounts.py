"""/administration/users: search, create and change accounts."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from hub.administration.organisations import AddOrganisation
from hub.administration.quotas import SetQuota, ShowQuota, parse_size
from hub.administration.users import AddUser, CreateResetLink, RemoveUser, RestoreUser, SetAdmin
from hub.errors import Conflict, HubError, InvalidRequest
from hub.local import LocalHub
from hub.registry.accounts.permissions import ORGANISATION, USER, Account, Actor
from hub.registry.accounts.sessions import Sessions
from hub.registry.membership.find_accounts import count_accounts, find_accounts
from server.auth.access import Hub
from server.auth.browser_session import forget_shown, show_once, take_shown
from server.auth.csrf_forms import Form, actor_in
from server.http.urls import Segment, absolute
from server.pages.account.settings_frame import typed
from server.pages.administration.administration_frame import (
    USERS,
    AdministratorForm,
    AdministratorSession,
    administration_page,
    done,
)
from server.pages.login import SEE_OTHER

PAGE = 50
"""Accounts on one page."""


def show_users(request: Request, hub: Hub, session: AdministratorSession) -> Response:  # noqa: ARG001 - the dependency checks it
    """List users and organisations, page by page: those that match `?text` and `?kind`."""
    return _list(request, hub)


def add_account(request: Request, hub: Hub, form: AdministratorForm) -> Response:
    """Create a user or an organisation, and redirect to its page."""
    name, full_name = form.get("name").strip(), form.get("full_name").strip()
    try:
        if form.get("kind") == ORGANISATION:
            made = AddOrganisation(name=name, full_name=full_name).run(hub, actor_in(request, form))
        else:
            email = form.get("email").strip()
            made = AddUser(name=name, full_name=full_name, email=email).run(hub, actor_in(request, form))
    except (InvalidRequest, Conflict) as error:
        return _list(request, hub, form=form, problem=error)
    return done(_path(made), "added")


def show_user(request: Request, hub: Hub, session: AdministratorSession, name: Segment) -> Response:
    """Show one account, and a reset link that was just made. Raises UnknownAccount."""
    page = _show(request, hub, hub.accounts.get(name), link=take_shown(request, hub, session))
    forget_shown(request, page)
    return page


def change_user(request: Request, hub: Hub, form: AdministratorForm, name: Segment) -> Response:
    """Disable or restore a user, make or unmake an administrator, set a quota, or make a reset link. Raises UnknownAccount."""
    account, actor = hub.accounts.get(name), actor_in(request, form)
    assert form.session is not None
    try:
        if form.get("action") == "reset-link":
            made = CreateResetLink(name=account.name).run(hub, actor)
            response = RedirectResponse(_path(account), SEE_OTHER)
            show_once(request, response, hub, form.session, made.path)
            return response
        note = _change(hub, account, form, actor)
    except InvalidRequest as error:
        return _show(request, hub, account, form=form, problem=error)
    return done(_path(account), note)


def _change(hub: LocalHub, account: Account, form: Form, actor: Actor) -> str:
    """Do what was chosen and return its note. Raises InvalidRequest."""
    match form.get("action"):
        case "remove":
            RemoveUser(name=account.name).run(hub, actor)
            return "removed"
        case "restore":
            RestoreUser(name=account.name).run(hub, actor)
            return "restored"
        case "admin" | "no-admin" as chosen:
            SetAdmin(name=account.name, is_admin=chosen == "admin").run(hub, actor)
        case "quota":
            SetQuota(name=account.name, quota_bytes=parse_size(form.get("quota"))).run(hub, actor)
        case other:
            raise InvalidRequest(f"{other[:40]!r} is not an action of this page: reload it and try again.")
    return "saved"


def _list(request: Request, hub: LocalHub, *, form: Form | None = None, problem: HubError | None = None) -> Response:
    asked = {name: request.query_params.get(name, "").strip()[:200] for name in ("text", "kind", "after")}
    text, after = asked["text"], asked["after"]
    kind = asked["kind"] if asked["kind"] in {USER, ORGANISATION} else ""
    is_text = text.isprintable() and after.isprintable()  # PostgreSQL rejects some other characters in queries.
    database = hub.registry.database
    found = find_accounts(database, text, kind, after=after, limit=PAGE + 1) if is_text else []
    given = {name: value for name, value in (("text", text), ("kind", kind)) if value}
    context = {
        "accounts": found[:PAGE],
        "text": text,
        "kind": kind,
        "totals": count_accounts(hub.registry.database),
        "next": f"{USERS}?{urlencode({**given, 'after': found[PAGE - 1].key})}" if len(found) > PAGE else "",
        "typed": typed(form, "name", "full_name", "email", "kind"),
    }
    return administration_page("users.html", USERS, request, hub, context, problem=problem)


def _show(
    request: Request,
    hub: LocalHub,
    account: Account,
    *,
    form: Form | None = None,
    problem: HubError | None = None,
    link: str = "",
) -> Response:
    is_user, now = account.kind == USER, datetime.now(UTC)
    tokens = [each for each in hub.tokens.of(account) if not each.revoked_at] if is_user else []
    context = {
        "account": account,
        "is_user": is_user,
        "link": absolute(request, link) if link else "",
        "quota": ShowQuota(name=account.name).run(hub, Actor("")),
        "typed": typed(form, "quota"),
        "memberships": hub.accounts.organisations(account) if is_user else hub.accounts.members(account),
        "tokens": [each for each in tokens if each.expires_at is None or each.expires_at > now],
        "sessions": Sessions(hub.registry.database).of(account) if is_user else [],
    }
    return administration_page("user.html", USERS, request, hub, context, problem=problem)


def _path(account: Account) -> str:
    return f"{USERS}/{account.name}"
