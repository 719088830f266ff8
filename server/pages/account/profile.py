"""/settings: the full name of the user and a text about them."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from hub.errors import InvalidRequest
from hub.registry.membership.profile import MAX_ABOUT, change_profile
from server.auth.access import Hub
from server.auth.csrf_forms import PasswordForm, SignedIn, account_in, actor_in
from server.pages.account.settings_frame import PROFILE, account_page, done, typed


def show_profile(request: Request, hub: Hub, session: SignedIn) -> Response:
    """Show the form."""
    account = account_in(session)
    context = {"typed": {"full_name": account.full_name, "about": account.about}, "max_about": MAX_ABOUT}
    return account_page("profile.html", PROFILE, request, hub, session, context)


def change(request: Request, hub: Hub, form: PasswordForm) -> Response:
    """Change the profile."""
    account, actor = account_in(form.session), actor_in(request, form)
    try:
        change_profile(hub.registry.database, account, form.get("full_name"), form.get("about"), actor)
    except InvalidRequest as error:
        context = {"typed": typed(form, "full_name", "about"), "max_about": MAX_ABOUT}
        return account_page("profile.html", PROFILE, request, hub, form.session, context, problem=error)
    return done(PROFILE, "saved")
