"""/administration: the health of the server's parts, and what people can do without an administrator."""

from __future__ import annotations

from itertools import islice

from fastapi import Request
from starlette.responses import Response

from hub.administration.account_policy import SetAccountPolicy, ShowAccountPolicy
from hub.administration.unsafe_files import SetFilePolicy
from hub.cards.policy import POLICIES
from hub.errors import HubError
from hub.registry.accounts.file_policy import file_policies, has_scanner
from hub.registry.membership.find_accounts import count_accounts
from hub.registry.outbox.queue import backlog
from hub.registry.parts import parts
from server.auth.access import Hub
from server.auth.csrf_forms import actor_in
from server.pages.administration.administration_frame import (
    HEALTH,
    AdministratorForm,
    AdministratorSession,
    administration_page,
    done,
)

_MAX_DAMAGED = 1000
_LATE_S = 600
"""Age in seconds of the oldest waiting job above which its worker seems to be stuck."""


def show_health(request: Request, hub: Hub, session: AdministratorSession) -> Response:
    """Show the state of database, store and workers, and the policies."""
    database = hub.registry.database
    has_store, free, damaged = _store_state(hub)
    waiting = backlog(database)
    late = {task: each.oldest_s for task, each in waiting.items() if each.oldest_s > _LATE_S}
    context = {
        "database": database.address.rpartition("@")[2],
        "schema": database.version(),
        "accounts": count_accounts(database),
        "has_store": has_store,
        "free_bytes": free,
        "damaged": damaged,
        "waiting": sum(each.waiting for each in waiting.values()),
        "given_up": sum(each.given_up for each in waiting.values()),
        "late": late,
        "parts": sorted(part.name for part in parts()),
        "policy": ShowAccountPolicy().run(hub, session.caller.actor),
        "file_policies": file_policies(database),
        "policies": POLICIES,
        "has_scanner": has_scanner(),
    }
    return administration_page("health.html", HEALTH, request, hub, context)


def change_policy(request: Request, hub: Hub, form: AdministratorForm) -> Response:
    """Change what people can do without an administrator, and which files the server accepts. Raises InvalidRequest."""
    actor = actor_in(request, form)
    allowed = {field: form.get(field) == "yes" for field in ("sign_up", "organisations")}
    SetAccountPolicy(**allowed).run(hub, actor)
    if form.get("files") != file_policies(hub.registry.database)[""]:
        SetFilePolicy(policy=form.get("files") or "-").run(hub, actor)
    return done(HEALTH, "saved")


def _store_state(hub: Hub) -> tuple[bool, int | None, int]:
    """Return whether the store responds, the free bytes of its disk, None without a limit, and the number of its damaged blobs."""
    try:
        return True, hub.store.free_bytes(), sum(1 for _ in islice(hub.store.quarantined(), _MAX_DAMAGED))
    except (HubError, OSError):
        return False, None, 0
