"""GET /api/v1/health and /api/v1/metrics: for load balancers and monitoring."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal

from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from hub.maintenance.readiness import readiness
from server.auth.access import Hub
from server.http.response_bodies import Body, json_response
from server.metering import MEDIA_TYPE


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
    found = readiness(hub.registry, hub.store)
    content = {"status": "ready" if found.is_ready else "not ready", **asdict(found)}
    return json_response(content, 200 if found.is_ready else 503, {"Cache-Control": "no-store"})


def get_metrics(request: Request) -> Response:
    """Return metrics for Prometheus: requests by route and status, durations, bytes, and sizes of registry and store."""
    return Response(request.app.state.meter.text(), headers={"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store"})
