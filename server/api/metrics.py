"""GET /api/v1/metrics: what this process counted, for Prometheus."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from server.metering import MEDIA_TYPE


def get_metrics(request: Request) -> Response:
    """Requests by route and status, durations, bytes, and how much there is."""
    return Response(request.app.state.meter.text(), headers={"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store"})
