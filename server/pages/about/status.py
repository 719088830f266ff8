"""GET /status: whether this server works, for everybody. Administrators also see what it runs on; the rest is at /administration."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version
from platform import python_version
from typing import Any

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hub.local import LocalHub
from hub.maintenance.backup import last_backup
from hub.maintenance.readiness import Readiness, readiness
from hub.maintenance.scrub import last_pass
from server.auth.access import Hub
from server.auth.caller import caller_of
from server.pages.rendering import render
from server.part import Component
from server.site.translation import gettext, ngettext


async def show_status(request: Request, hub: Hub) -> Response:
    """Show whether database, store and optional parts respond; with status 503 if the server cannot answer requests."""
    found = await run_in_threadpool(readiness, hub.registry, hub.store)
    # Without a database, the visitor is unknown.
    is_administrator = found.database and (await run_in_threadpool(caller_of, request, hub)).may_change_server
    context = {
        "is_ready": found.is_ready,
        "version": version("linguahub"),
        "started_at": request.app.state.started_at,
        "running_s": (datetime.now(UTC) - request.app.state.started_at).total_seconds(),
        "components": [*_own(found), *await _of_parts(request.app)],
        "checked_at": await run_in_threadpool(_checked_at, hub) if found.database else None,
        "more": await run_in_threadpool(_for_administrators, hub) if is_administrator and found.is_ready else None,
    }
    status = 200 if found.is_ready else 503
    headers = {"Cache-Control": "private, no-store" if is_administrator else "no-cache"}
    return render("about/status.html", context, request=request, status=status, headers=headers)


def _own(found: Readiness) -> list[Component]:
    waiting = ngettext("%(num)s background job", "%(num)s background jobs", found.jobs or 0)
    return [
        Component(gettext("Database"), found.database, waiting if found.database else ""),
        Component(gettext("Store of files"), found.store),
    ]


async def _of_parts(app: FastAPI) -> list[Component]:
    return [each for part in app.state.parts for each in await part.components(app)]


def _checked_at(hub: LocalHub) -> datetime | None:
    """Return when the last pass over the stored files began; None if there was none."""
    began_s = last_pass(hub.registry.database).started_at
    return datetime.fromtimestamp(began_s, UTC) if began_s else None


def _for_administrators(hub: LocalHub) -> dict[str, Any]:
    return {
        "database": hub.registry.database.product,
        "store": gettext("bucket") if hub.home.store_url.startswith("s3:") else gettext("folder"),
        "python": python_version(),
        "backed_up_at": last_backup(hub.registry.database),
    }
