"""The addresses that tell what is held: large files, shards, holdings, tags; and copies of repositories."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from server.protocol import duplicates, holdings, large_files, shards, vocabulary


def add_inventory(app: FastAPI, repository: str) -> None:
    """Routes of one spelling of repositories' names, `{owner}/{name}`, for models and data sets."""
    _add(app, "GET", f"/api/models/{repository}/safetensors-metadata/{{path:path}}", shards.read_shards)
    for collection in ("models", "datasets"):
        at = f"/api/{collection}/{repository}"
        _add(app, "POST", f"{at}/duplicate", duplicates.duplicate_repository)
        _add(app, "GET", f"{at}/lfs-files", large_files.list_large_files)
        _add(app, "POST", f"{at}/lfs-files/batch", large_files.erase_large_files)
        _add(app, "POST", f"{at}/lfs-files/duplicate", large_files.duplicate_large_files)


def add_holdings(app: FastAPI) -> None:
    """Routes that are no repository's."""
    for collection in ("models", "datasets"):
        _add(app, "GET", f"/api/{collection}-tags-by-type", vocabulary.list_tags)
    _add(app, "GET", "/api/settings/repositories", holdings.list_own)
    _add(app, "GET", "/api/organizations/{name}/settings/repositories", holdings.list_of_organisation)
    for path in ("organizations/{name}/followers", "users/{name}/followers", "users/{name}/following"):
        _add(app, "GET", f"/api/{path}", holdings.list_nobody)


def _add(app: FastAPI, method: str, path: str, endpoint: Callable[..., Any]) -> None:
    app.add_api_route(path, endpoint, methods=[method], include_in_schema=False)
