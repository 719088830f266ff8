"""The application, put together: state, addresses, layers around them, and what runs beside them."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from hub.local import LocalHub
from server import errors, oauth, routes
from server.api import document, security
from server.api.admin import administration
from server.bodies import BodyLimit
from server.git import service
from server.metering import Meter, Metering
from server.middleware import AccessLog, AnswerHeaders, EncodedPath
from server.mirror.mirror import Mirror
from server.mirror.upstream import Upstream
from server.pages import device
from server.rates import DEFAULT_RATES, RateLimit, Rates
from server.routing import register
from server.webhooks import routes as webhooks
from server.worker import Worker, lasting

_FEATURES = (*webhooks.ROUTES, *oauth.ROUTES, *device.ROUTES, *security.ROUTES, *service.ROUTES)
"""Addresses of what the core can do without."""


def create_app(
    hub: LocalHub,
    worker: Worker | None = None,
    *,
    offload: str = "",
    upstream: Upstream | None = None,
    rates: Rates | None = DEFAULT_RATES,
) -> FastAPI:
    """The application around an open hub; the caller closes the hub after the last request.

    `worker` does what the outbox owes from the start of the server to its end; without one, somebody else must. `offload` is
    the location of nginx from which it sends blobs; see `server.offload`. `upstream` is asked for what is not here; None asks
    nobody, and what was mirrored before is still served. Without `rates` nobody is limited.
    """
    app = FastAPI(
        title="linguahub", docs_url=None, redoc_url=None, openapi_url=document.ADDRESS, lifespan=lasting(worker)
    )
    app.state.hub, app.state.mirror = hub, Mirror(hub, upstream)
    app.state.offload, app.state.meter = offload, Meter(hub)

    errors.install(app)
    document.install(app)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    register(app, (*routes.OWN_API, *administration(), *routes.SPECIFIC, *_FEATURES, *routes.GENERAL))

    app.add_middleware(BodyLimit)
    app.add_middleware(Metering, meter=app.state.meter)
    if rates is not None:
        app.add_middleware(RateLimit, rates=rates)
    app.add_middleware(AccessLog)
    app.add_middleware(AnswerHeaders)
    app.add_middleware(EncodedPath)
    return app
