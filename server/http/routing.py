"""Declare routes, register them, and convert path parameters.

`server.routes` lists the routes of the core. Optional parts return theirs from `ServerPart.routes`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from inspect import iscoroutinefunction, signature
from threading import RLock
from typing import Any

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute, APIRouter
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, compile_path
from starlette.types import Receive, Scope, Send

from hub.strict_json import parse_json
from server.connections.turns import Turns


@dataclass(frozen=True, slots=True, eq=False)
class RouteSpec:
    """A path, its methods and its endpoint. Two of them are never equal, so that `route_of` can be cached."""

    methods: str
    """HTTP methods, separated by spaces. GET includes HEAD, with the same headers."""
    path: str
    endpoint: Callable[..., Any]
    document: Mapping[str, Any] | None = None
    """Arguments of `FastAPI.add_api_route` for the OpenAPI document; see `server.openapi.document`."""


def register(app: FastAPI, routes: Iterable[RouteSpec]) -> None:
    """Register routes in this order, after those of the application: the first one that matches a request handles it."""
    app.router.routes.extend(map(route_of, routes))
    app.router.middleware_stack = FewRoutes(app.router)


class FewRoutes:
    """Lets a router compare a request with a few of its hundreds of routes: those whose rarest segment the path has."""

    def __init__(self, router: APIRouter) -> None:
        self._router = router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on the request."""
        router = self._router
        scope.setdefault("router", router)
        if scope["type"] == "http":
            router = APIRouter.__new__(APIRouter)  # As `copy` does, in a third of the time.
            vars(router).update(vars(self._router), routes=self.candidates(scope["path"]))
        await router.app(scope, receive, send)

    def candidates(self, path: str) -> list[BaseRoute]:
        """Return the routes that can match a path, or the path that it is redirected to: with a slash at its end, or without."""
        found = [each for segment in {"", *path.split("/")} for each in self._by_segment.get(segment, ())]
        return [route for _, route in sorted(found)]

    @cached_property
    def _by_segment(self) -> dict[str, list[tuple[int, BaseRoute]]]:
        """The routes with their places, by the segment that the fewest routes have; `""` is in each path."""
        segments = [_literal_segments(getattr(route, "path", "")) for route in self._router.routes]
        routes_with = Counter(each for found in segments for each in found)
        indexed: dict[str, list[tuple[int, BaseRoute]]] = {}
        for place, (route, found) in enumerate(zip(self._router.routes, segments, strict=True)):
            indexed.setdefault(min(found, key=routes_with.__getitem__, default=""), []).append((place, route))
        return indexed


def _literal_segments(path: str) -> list[str]:
    """Return the segments of a route's path that each path which it matches has."""
    return [each for each in path.split("/") if each and "{" not in each]


def below(prefix: str, *routes: RouteSpec) -> tuple[RouteSpec, ...]:
    """Return the same routes below a path prefix."""
    return tuple(replace(each, path=prefix + each.path) for each in routes)


class StrictRequest(Request):
    """A request whose JSON can be stored and sent again."""

    async def json(self) -> Any:
        """Return the body as parsed by `hub.strict_json`. Raises HTTPException 400, because FastAPI hides the messages of other errors."""
        try:
            return parse_json(await self.body())
        except ValueError as error:
            raise HTTPException(400, f"the request body is not valid JSON: {error}.") from error


_BUILDING = RLock()


class StrictRoute(APIRoute):
    """A route that reads JSON with `StrictRequest`.

    FastAPI takes a millisecond to build a route, and there are 300, so that each is built by the first request that it handles.
    Until then it has only what `matches` needs.
    """

    def __init__(self, spec: RouteSpec, methods: set[str], document: Mapping[str, Any]) -> None:
        self.spec = spec
        self.path, self.endpoint, self.methods = spec.path, spec.endpoint, methods
        self.path_regex, self.path_format, self.param_convertors = compile_path(spec.path)
        self.include_in_schema = document.get("include_in_schema", True)
        self._document = document

    def __getattr__(self, name: str) -> Any:
        """Build the route. Python calls this for an attribute that is missing, such as `app`."""
        with _BUILDING:  # Applications share routes, and may run in several threads.
            document = self.__dict__.pop("_document", None)
            if document is not None:
                super().__init__(self.path, self.endpoint, methods=self.methods, **document)
        try:
            return self.__dict__[name]
        except KeyError:
            raise AttributeError(name) from None

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the endpoint. One that only needs the request is called without FastAPI's search for its parameters."""
        if self._is_plain and scope["method"] in (self.methods or ()):
            response = await self.endpoint(StrictRequest(scope, receive, send))
            await response(scope, receive, send)
        else:
            await super().handle(scope, receive, send)

    @cached_property
    def _is_plain(self) -> bool:
        return iscoroutinefunction(self.endpoint) and list(signature(self.endpoint).parameters) == ["request"]

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of FastAPI with another class of requests, and with turns for endpoints that run in a thread."""
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            return await handle(StrictRequest(request.scope, request.receive))

        async def handle_in_turn(request: Request) -> Response:
            turns: Turns = request.app.state.turns
            async with turns.take():
                return await handle_strictly(request)

        return handle_strictly if iscoroutinefunction(self.spec.endpoint) else handle_in_turn


@cache
def route_of(spec: RouteSpec) -> StrictRoute:
    """Return the route of `spec`, which applications share.

    The route omits the models of its responses, which only the OpenAPI document needs; see `documented_route_of`.
    """
    methods = set(spec.methods.split())
    document = {name: value for name, value in _document(spec).items() if name != "responses"}
    return StrictRoute(spec, methods | ({"HEAD"} if "GET" in methods else set()), document)


@cache
def documented_route_of(spec: RouteSpec) -> StrictRoute:
    """Return the route of `spec` as the OpenAPI document describes it: with its responses and without HEAD."""
    return StrictRoute(spec, set(spec.methods.split()) - {"HEAD"}, _document(spec))


def _document(spec: RouteSpec) -> Mapping[str, Any]:
    return spec.document or {"include_in_schema": False}


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
