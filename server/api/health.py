"""GET /api/v1/health and /api/v1/metrics: for load balancers and monitoring."""

from __future__ import annotations

import hashlib
from typing import Literal

from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from hub.errors import HubError
from hub.names import Digest
from hub.registry.outbox.queue import count_jobs
from server.auth.access import Hub
from server.http.response_bodies import Body, answer
from server.metering import MEDIA_TYPE

_NOTHING = Digest(hashlib.sha256(b"").hexdigest())


class LiveBody(Body):
    """The process answers."""

    status: Literal["live"]


class ReadyBody(Body):
    """Database and store answer."""

    status: Literal["ready", "not ready"]
    database: bool
    store: bool
    jobs: int | None = Field(description="Pending background jobs; null if the database does not answer.")


async def is_live() -> Response:
    """Answer that the process runs."""
    return answer({"status": "live"}, headers={"Cache-Control": "no-store"})


def is_ready(hub: Hub) -> Response:
    """Check whether database and store answer; 503 if one does not. The reason is in the log."""
    jobs = _jobs(hub)
    store = _store_answers(hub)
    ready = jobs is not None and store
    content = {
        "status": "ready" if ready else "not ready",
        "database": jobs is not None,
        "store": store,
        "jobs": jobs,
    }
    return answer(content, 200 if ready else 503, {"Cache-Control": "no-store"})


def get_metrics(request: Request) -> Response:
    """Return metrics for Prometheus: requests by route and status, durations, bytes, and sizes of registry and store."""
    return Response(request.app.state.meter.text(), headers={"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store"})


def _jobs(hub: Hub) -> int | None:
    try:
        return count_jobs(hub.registry.database)
    except HubError:
        return None


def _store_answers(hub: Hub) -> bool:
    try:
        _ = _NOTHING in hub.store
    except (HubError, OSError):
        return False
    return True
