"""Every address the server answers, and nothing else: read this file as the table of contents."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from hub.local import LocalHub
from server import errors
from server.api.search import SEARCH_PARAMETERS, search_artifacts
from server.bodies import BodyLimit
from server.middleware import AccessLog, AnswerHeaders, EncodedPath
from server.pages.artifact import show_artifact
from server.pages.browse import browse
from server.protocol.inventory_routes import add_holdings, add_inventory
from server.protocol.listing import list_repositories
from server.protocol.repository import describe_repository
from server.protocol.resolve import resolve_file
from server.protocol.routes import add_accounts, add_transfers, add_writing
from server.protocol.tree import list_tree

_REPOSITORY = ("{owner}/{name}", "{name}")
"""A bare `mulan-yo` is looked up as the command line does: ours first, then the only one."""


def create_app(hub: LocalHub) -> FastAPI:
    """The application around an open hub; the caller closes the hub after the last request."""
    app = FastAPI(title="linguahub", docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json")
    app.state.hub = hub
    errors.install(app)

    _get(app, "/", browse)
    _get(app, "/api/v1/search", search_artifacts, openapi_extra={"parameters": SEARCH_PARAMETERS}, in_schema=True)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")

    add_holdings(app)
    add_accounts(app)
    add_transfers(app)
    for repository in _REPOSITORY:
        add_writing(app, repository)
        add_inventory(app, repository)

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
    app.add_middleware(AccessLog)
    app.add_middleware(AnswerHeaders)
    app.add_middleware(EncodedPath)
    return app


def _get(app: FastAPI, path: str, endpoint: Callable[..., Any], *, in_schema: bool = False, **options: Any) -> None:
    """Answer GET, and HEAD with the same headers; the schema lists our own API alone, once."""
    app.add_api_route(path, endpoint, methods=["GET"], include_in_schema=in_schema, **options)
    app.add_api_route(path, endpoint, methods=["HEAD"], include_in_schema=False, **options)
