"""Every address the server answers, and nothing else: read this file as the table of contents."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from hub.local import LocalHub
from server import errors
from server.api.admin import add_administration
from server.api.document import ADDRESS
from server.api.routes import add_api
from server.api.security import add_security
from server.bodies import BodyLimit
from server.git.service import add_git
from server.metering import Meter, Metering
from server.middleware import AccessLog, AnswerHeaders, EncodedPath
from server.mirror.mirror import Mirror
from server.mirror.upstream import Upstream
from server.oauth import add_oauth
from server.pages.accounts import add_account_pages
from server.pages.artifact import show_artifact
from server.pages.browse import browse
from server.protocol.inventory_routes import add_holdings, add_inventory
from server.protocol.listing import list_repositories
from server.protocol.repository import describe_repository
from server.protocol.resolve import resolve_file
from server.protocol.routes import add_accounts, add_transfers, add_writing
from server.protocol.tree import list_tree
from server.rates import DEFAULT_RATES, RateLimit, Rates
from server.webhooks.routes import add_webhooks
from server.worker import Worker, lasting

_REPOSITORY = ("{owner}/{name}", "{name}")
"""A bare `mulan-yo` is looked up as the command line does: ours first, then the only one."""


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
    app = FastAPI(title="linguahub", docs_url=None, redoc_url=None, openapi_url=ADDRESS, lifespan=lasting(worker))
    app.state.hub, app.state.mirror = hub, Mirror(hub, upstream)
    app.state.offload = offload
    errors.install(app)

    _get(app, "/", browse)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")

    add_api(app)
    add_administration(app)
    add_holdings(app)
    add_account_pages(app)
    add_oauth(app)
    add_webhooks(app)
    add_security(app)
    add_accounts(app)
    add_transfers(app)
    for repository in _REPOSITORY:
        add_writing(app, repository)
        add_inventory(app, repository)

    add_git(app)
    for collection in ("models", "datasets"):
        _get(app, f"/api/{collection}", list_repositories)
        for repository in _REPOSITORY:
            _get(app, f"/api/{collection}/{repository}", describe_repository)
            _get(app, f"/api/{collection}/{repository}/revision/{{revision}}", describe_repository)
            _get(app, f"/api/{collection}/{repository}/tree/{{revision}}", list_tree)
            _get(app, f"/api/{collection}/{repository}/tree/{{revision}}/{{path:path}}", list_tree)

    for prefix in ("/datasets", ""):
        for repository in _REPOSITORY:
            _get(app, f"{prefix}/{repository}/resolve/{{revision}}/{{path:path}}", resolve_file)
            _get(app, f"{prefix}/{repository}/tree/{{revision}}", show_artifact)
            _get(app, f"{prefix}/{repository}", show_artifact)

    app.add_middleware(BodyLimit)
    app.state.meter = Meter(hub)
    app.add_middleware(Metering, meter=app.state.meter)
    if rates is not None:
        app.add_middleware(RateLimit, rates=rates)
    app.add_middleware(AccessLog)
    app.add_middleware(AnswerHeaders)
    app.add_middleware(EncodedPath)
    return app


def _get(app: FastAPI, path: str, endpoint: Callable[..., Any]) -> None:
    """Answer GET, and HEAD with the same headers; the OpenAPI document lists our own API alone."""
    for method in ("GET", "HEAD"):
        app.add_api_route(path, endpoint, methods=[method], include_in_schema=False)
