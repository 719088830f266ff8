"""The application: its state, routes, middleware and lifespan."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from fastapi import FastAPI

from hub.local import LocalHub
from server import errors, routes
from server.api.administration import administration
from server.connections.turns import Turns
from server.http.middleware import EncodedPath, Observed, ResponseHeaders, log_access
from server.http.request_bodies import BodyLimit
from server.http.routing import register
from server.metering import Meter
from server.openapi import document
from server.pages import documentation
from server.pages.study import study
from server.part import ServerPart, overrides, server_parts
from server.rates import DEFAULT_RATES, RateLimit, Rates
from server.scrubber import Scrubber
from server.site.compression import Compression
from server.site.locales import PageLocale
from server.site.navigation import available
from server.site.root_path import RootPath
from server.site.static_files import HashedFiles
from server.worker import Worker, lifespan_of


def create_app(
    hub: LocalHub,
    worker: Worker | None = None,
    *,
    scrubber: Scrubber | None = None,
    offload: str = "",
    parts: Sequence[ServerPart] | None = None,
    rates: Rates | None = DEFAULT_RATES,
    root_path: str = "",
) -> FastAPI:
    """Create the application around an open hub; the caller closes the hub after the last request.

    `worker` runs outbox jobs and `scrubber` compares blobs with their digests while the server runs. `offload` is the nginx location
    from which nginx sends blobs; see `server.http.accel_redirect`. `parts` are the optional features (default: all enabled ones).
    `rates=None` disables rate limits. `root_path` is a prefix of all paths; see `server.site.root_path`.
    """
    enabled = server_parts() if parts is None else tuple(parts)
    app = FastAPI(
        title="linguahub",
        docs_url=None,
        redoc_url=None,
        openapi_url=document.PATH,
        lifespan=lifespan_of([each for each in (scrubber, worker) if each is not None], enabled),
    )
    app.state.hub = hub
    app.state.handling_parts = tuple(part for part in enabled if overrides(part, "handler_for"))
    app.state.error_writers = tuple(part for part in enabled if overrides(part, "error_response"))
    app.state.turns = Turns(are_limited=hub.is_local)
    app.state.offload, app.state.meter = offload, Meter(hub)
    app.state.parts, app.state.started_at = enabled, datetime.now(UTC)
    for part in enabled:
        part.attach(app, hub)

    errors.install(app)
    document.install(app, root_path)
    app.mount("/static", HashedFiles(), name="static")
    documentation.install(app)
    study.install(app)
    register(
        app,
        (
            *routes.OF_DATASETS,
            *routes.OWN_API,
            *administration(),
            *routes.SPECIFIC,
            *(each for part in enabled for each in part.routes()),
            *routes.GENERAL,
        ),
    )
    app.state.navigation = available(app.routes)

    app.add_middleware(PageLocale)
    app.add_middleware(Compression)
    app.add_middleware(BodyLimit)
    if rates is not None:
        app.add_middleware(RateLimit, rates=rates)
    app.add_middleware(errors.TargetLimit)
    app.add_middleware(Observed, observers=(log_access, app.state.meter.count))
    app.add_middleware(ResponseHeaders)
    app.add_middleware(EncodedPath)
    if root_path:
        app.add_middleware(RootPath, root=root_path)
    return app
