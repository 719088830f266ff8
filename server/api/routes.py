"""The addresses of our own API: read this file as its table of contents."""

from __future__ import annotations

from fastapi import FastAPI

from server.api import document
from server.api.document import query_parameter, route
from server.api.search import search_artifacts
from server.query import PARAMETERS
from server.wire import SearchBody

CURSOR = query_parameter(
    "cursor", "Of the page before, with its parameters otherwise unchanged.", {"type": "string", "maxLength": 1000}
)


def add_api(app: FastAPI) -> None:
    """Everything below /api/v1 that is about artifacts."""
    document.install(app)
    route(
        app,
        "GET",
        "/search",
        search_artifacts,
        SearchBody,
        tag="search",
        errors=(404,),
        parameters=[*PARAMETERS, CURSOR],
    )
