"""/settings/organisations: the organisations of the user, their members and roles, and a form to create one."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from hub.errors import Conflict, Forbidden, HubError, InvalidRequest
from hub.local import LocalHub
from hub.registry.accounts.permissions import ORGANISATION, ROLES, Account
from hub.registry.membership.account_policy import account_policy
from hub.registry.membership.profile import MAX_ABOUT, change_profile
from hub.registry.membership.user_organisations import create_organisation
from server.auth.access import Hub
from server.auth.browser_session import BrowserSession
from server.auth.csrf_forms import Form, PasswordForm, SignedIn, account_in, actor_in
from server.http.urls import Segment
from server.pages.account.settings_frame import ORGANISATIONS, account_page, done, typed


def show_organisations(request: Request, hub: Hub, session: SignedIn) -> Response:
    """List the organisations of the user."""
    return _list(request, hub, session)


def create(request: Request, hub: Hub, form: PasswordForm) -> Response:
    """Create an organisation. Sending the form twice creates one."""
    user, name = account_in(form.session), form.get("name").strip()
    try:
        made = create_organisation(
            hub.registry.database,
            user,
            name,
            form.get("full_name"),
            actor_in(request, form),
            local_owner=hub.home.owner,
        )
    except (InvalidRequest, Conflict, Forbidden) as error:
        return _list(request, hub, form.session, form=form, problem=error)
    return done(_path(made), "created")


def show_organisation(request: Request, hub: Hub, session: SignedIn, name: Segment) -> Response:
    """Show an organisation to its members. Raises UnknownAccount, Forbidden."""
    organisation, _ = _membership(hub, session, name)
    return _show(request, hub, session, organisation)


def change_member(request: Request, hub: Hub, form: PasswordForm, name: Segment) -> Response:
    """Add a member, or change or end the role of one, for admins of the organisation. Raises UnknownAccount, Forbidden."""
    organisation, role = _membership(hub, form.session, name)
    _require_admin(organisation, role)
    try:
        user = hub.accounts.get(form.get("user").strip())
        chosen = _chosen_role(form, user)
        hub.accounts.set_member(organisation, user, chosen, actor_in(request, form), keep_admin=True)
    except InvalidRequest as error:
        return _show(request, hub, form.session, organisation, form=form, problem=error)
    if user.id == account_in(form.session).id and not chosen:
        return done(ORGANISATIONS, "left")
    return done(_path(organisation), "member")


def leave(request: Request, hub: Hub, form: PasswordForm, name: Segment) -> Response:
    """Leave an organisation. The last admin cannot. Raises UnknownAccount, Forbidden."""
    user = account_in(form.session)
    found = hub.accounts.get(name)
    if user.id not in {each.id for each, _ in hub.accounts.members(found)}:
        return RedirectResponse(ORGANISATIONS, 303)  # The form was sent twice.
    try:
        hub.accounts.set_member(found, user, "", actor_in(request, form), keep_admin=True)
    except InvalidRequest as error:
        return _show(request, hub, form.session, found, problem=error)
    return done(ORGANISATIONS, "left")


def change_organisation(request: Request, hub: Hub, form: PasswordForm, name: Segment) -> Response:
    """Change the full name of an organisation and the text about it, for its admins. Raises UnknownAccount, Forbidden."""
    organisation, role = _membership(hub, form.session, name)
    _require_admin(organisation, role)
    try:
        actor = actor_in(request, form)
        change_profile(hub.registry.database, organisation, form.get("full_name"), form.get("about"), actor)
    except InvalidRequest as error:
        return _show(request, hub, form.session, organisation, form=form, problem=error)
    return done(_path(organisation), "saved")


def _list(
    request: Request,
    hub: LocalHub,
    session: BrowserSession | None,
    *,
    form: Form | None = None,
    problem: HubError | None = None,
) -> Response:
    user = account_in(session)
    context = {
        "organisations": hub.accounts.organisations(user),
        "may_create": user.is_admin or account_policy(hub.registry.database).organisations,
        "typed": typed(form, "name", "full_name"),
    }
    return account_page("organisations.html", ORGANISATIONS, request, hub, session, context, problem=problem)


def _show(
    request: Request,
    hub: LocalHub,
    session: BrowserSession | None,
    organisation: Account,
    *,
    form: Form | None = None,
    problem: HubError | None = None,
) -> Response:
    _, role = _membership(hub, session, organisation.name)
    profile = {"full_name": organisation.full_name, "about": organisation.about}
    context = {
        "organisation": organisation,
        "role": role,
        "roles": ROLES,
        "members": hub.accounts.members(organisation),
        "profile": typed(form, "full_name", "about") if form and "about" in form.fields else profile,
        "typed": typed(form, "user", "role"),
        "max_about": MAX_ABOUT,
    }
    return account_page("organisation.html", ORGANISATIONS, request, hub, session, context, problem=problem)


def _chosen_role(form: Form, user: Account) -> str:
    """Return the role in a form; empty to remove the member. Raises InvalidRequest without either."""
    if "remove" in form.fields:
        return ""
    if not form.get("role"):
        raise InvalidRequest(f"choose a role for `{user.name}`.")
    return form.get("role")


def _membership(hub: LocalHub, session: BrowserSession | None, name: str) -> tuple[Account, str]:
    """Return an organisation and the role of the user in it. Raises UnknownAccount, Forbidden for other users."""
    user, found = account_in(session), hub.accounts.get(name)
    role = next((role for each, role in hub.accounts.organisations(user) if each.id == found.id), "")
    if not role or found.kind != ORGANISATION:
        raise Forbidden(f"`{user.name}` is not a member of an organisation called `{found.name}`.")
    return found, role


def _require_admin(organisation: Account, role: str) -> None:
    if role != "admin":
        raise Forbidden(f"only admins of `{organisation.name}` can change it; your role is `{role}`.")


def _path(organisation: Account) -> str:
    return f"{ORGANISATIONS}/{organisation.name}"
