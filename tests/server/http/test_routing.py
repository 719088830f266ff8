"""A request reaches the route that FastAPI alone would choose."""

from __future__ import annotations

import re

from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

from hub.local import LocalHub
from server import create_app
from server.http.routing import StrictRoute

VALUES = {"collection": "models", "path": "a/b.txt", "revision": "main"}


def scope_of(path: str, root: str = "") -> Scope:
    return {"type": "http", "method": "GET", "path": root + path, "root_path": root, "headers": []}


def test_the_text_that_is_looked_for_first_never_hides_a_route(hub: LocalHub) -> None:
    routes = [each for each in create_app(hub).routes if isinstance(each, StrictRoute)]
    paths = {re.sub(r"{(\w+)(?::\w+)?}", lambda each: VALUES.get(each[1], "ada"), each.path) for each in routes}
    assert len(paths) > 150
    for path in paths:
        found = [route for route in routes if route.matches(scope_of(path))[0] != Match.NONE]
        assert found == [route for route in routes if APIRoute.matches(route, scope_of(path))[0] != Match.NONE], path
        assert all(route.matches(scope_of(path, "/hub"))[0] != Match.NONE for route in found)


def test_most_routes_are_left_out_by_their_text(hub: LocalHub) -> None:
    routes = [each for each in create_app(hub).routes if isinstance(each, StrictRoute)]
    compared = [each for each in routes if each.literal in "/ada/first-yo/resolve/main/README.md"]
    assert len(compared) < len(routes) / 4
