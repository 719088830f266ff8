"""The application: its state, addresses, middleware and lifespan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from hub.local import LocalHub
from server import errors, routes
from server.api.administration import administration
from server.http.middleware import AccessLog, AnswerHeaders, EncodedPath
from server.http.request_bodies import BodyLimit
from server.http.routing import register
from server.metering import Meter, Metering
from server.openapi import document
from server.part import ServerPart, overrides, server_parts
from server.rates import DEFAULT_RATES, RateLimit, Rates
from server.worker import Worker, lifespan_of


def create_app(
    hub: LocalHub,
    worker: Worker | None = None,
    *,
    offload: str = "",
    parts: Sequence[ServerPart] | None = None,
    rates: Rates | None = DEFAULT_RATES,
) -> FastAPI:
    """Create the application around an open hub; the caller closes the hub after the last request.

    `worker` runs the outbox's jobs while the server runs. `offload` is the location of nginx from which it sends blobs; see
    `server.http.accel_redirect`. `parts` are the optional features, by default all that are enabled. `rates=None` means no
    rate limits.
    """
    used = server_parts() if parts is None else tuple(parts)
    app = FastAPI(
        title="linguahub",
        docs_url=None,
        redoc_url=None,
        openapi_url=document.ADDRESS,
        lifespan=lifespan_of(worker, used),
    )
    app.state.hub = hub
    app.state.answering = tuple(part for part in used if overrides(part, "answer_for"))
    app.state.error_writers = tuple(part for part in used if overrides(part, "error_response"))
    app.state.offload, app.state.meter = offload, Meter(hub)
    for part in used:
        part.attach(app, hub)

    errors.install(app)
    document.install(app)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    register(
        app,
        (
            *routes.OWN_API,
            *administration(),
            *routes.SPECIFIC,
            *(each for part in used for each in part.addresses()),
            *routes.GENERAL,
        ),
    )

    app.add_middleware(BodyLimit)
    app.add_middleware(Metering, meter=app.state.meter)
    if rates is not None:
        app.add_middleware(RateLimit, rates=rates)
    app.add_middleware(AccessLog)
    app.add_middleware(AnswerHeaders)
    app.add_middleware(EncodedPath)
    return app
