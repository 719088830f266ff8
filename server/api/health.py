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
from server.http.response_bodies import Body, json_response
from server.metering import MEDIA_TYPE

_EMPTY = Digest(hashlib.sha256(b"").hexdigest())


class LiveBody(Body):
    """The server is running."""

    status: Literal["live"]


class ReadyBody(Body):
    """Whether database and store respond."""

    status: Literal["ready", "not ready"]
    database: bool
    store: bool
    jobs: int | None = Field(description="Pending background jobs; null if the database does not respond.")


async def is_live() -> Response:
    """Check that the server is running."""
    return json_response({"status": "live"}, headers={"Cache-Control": "no-store"})


def is_ready(hub: Hub) -> Response:
    """Check that database and store respond; 503 if one does not. The reason is in the log."""
    jobs = _count_jobs(hub)
    store = _is_store_available(hub)
    ready = jobs is not None and store
    content = {
        "status": "ready" if ready else "not ready",
        "database": jobs is not None,
        "store": store,
        "jobs": jobs,
    }
    return json_response(content, 200 if ready else 503, {"Cache-Control": "no-store"})


def get_metrics(request: Request) -> Response:
    """Return metrics for Prometheus: requests by route and status, durations, bytes, and sizes of registry and store."""
    return Response(request.app.state.meter.text(), headers={"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store"})


def _count_jobs(hub: Hub) -> int | None:
    try:
        return count_jobs(hub.registry.database)
    except HubError:
        return None


def _is_store_available(hub: Hub) -> bool:
    try:
        _ = _EMPTY in hub.store
    except (HubError, OSError):
        return False
    return True
