"""Declare routes, register them, and convert path parameters.

`server.routes` lists the routes of the core. Optional parts return theirs from `ServerPart.routes`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.responses import Response

from hub.strict_json import parse_json


@dataclass(frozen=True, slots=True)
class RouteSpec:
    """A path, its methods and its endpoint."""

    methods: str
    """HTTP methods, separated by spaces. GET includes HEAD, with the same headers."""
    path: str
    endpoint: Callable[..., Any]
    document: Mapping[str, Any] | None = None
    """Arguments of `FastAPI.add_api_route` for the OpenAPI document; see `server.openapi.document`."""


def register(app: FastAPI, routes: Iterable[RouteSpec]) -> None:
    """Register routes in this order: the first one that matches a request handles it."""
    app.router.route_class = StrictRoute
    for each in routes:
        methods = each.methods.split()
        if "GET" in methods and "HEAD" not in methods:
            methods.append("HEAD")
        app.add_api_route(each.path, each.endpoint, methods=methods, **(each.document or {"include_in_schema": False}))


def below(prefix: str, *routes: RouteSpec) -> tuple[RouteSpec, ...]:
    """Return the same routes below a path prefix."""
    return tuple(replace(each, path=prefix + each.path) for each in routes)


class StrictRequest(Request):
    """A request whose JSON can be stored and sent again."""

    async def json(self) -> Any:
        """Return the body as parsed by `hub.strict_json`. Raises HTTPException 400: FastAPI hides what other errors say."""
        try:
            return parse_json(await self.body())
        except ValueError as error:
            raise HTTPException(400, f"the request body is not valid JSON: {error}.") from error


class StrictRoute(APIRoute):
    """A route that reads JSON with `StrictRequest`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of FastAPI with another class of requests."""
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            return await handle(StrictRequest(request.scope, request.receive))

        return handle_strictly


class Repository(StringConvertor):
    """`{repository:repository}`: `owner/name`, or a bare `name`, which is resolved as on the command line."""

    regex = "(?:[^/]+/)?[^/]+"


class Collection(StringConvertor):
    """`{collection:collection}`: models or datasets, in paths of the Hub's API."""

    regex = "models|datasets"


class Datasets(StringConvertor):
    """`{collection:datasets}`: before a data set's name in paths of our own API, where a name without it can be of any kind."""

    regex = "datasets"


class Prefix(StringConvertor):
    """`{collection:prefix}`: `datasets/` before a dataset's name, nothing before a model's, in paths of pages and files."""

    regex = "datasets/|(?!datasets/)"

    def convert(self, value: str) -> str:
        """Return `models` or `datasets`, as `Collection` does."""
        return value.removesuffix("/") or "models"


register_url_convertor("repository", Repository())
register_url_convertor("collection", Collection())
register_url_convertor("datasets", Datasets())
register_url_convertor("prefix", Prefix())
