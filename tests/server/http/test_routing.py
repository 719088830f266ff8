"""A request reaches the route that FastAPI alone would choose."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.routing import BaseRoute, Match
from starlette.testclient import TestClient

from hub.local import LocalHub
from server import create_app
from server.http.routing import FewRoutes, StrictRoute

VALUES = {"collection": "models", "path": "a/b.txt", "revision": "main"}


def matching(routes: list[BaseRoute], path: str, root: str = "") -> list[BaseRoute]:
    scope = {"type": "http", "method": "GET", "path": root + path, "root_path": root, "headers": []}
    return [route for route in routes if route.matches(scope)[0] != Match.NONE]


@pytest.mark.parametrize("root", ["", "/hub"])
def test_the_few_routes_that_are_compared_have_all_that_match(hub: LocalHub, root: str) -> None:
    routes = create_app(hub).router
    few = FewRoutes(routes)
    templates = {each.path for each in routes.routes if isinstance(each, StrictRoute)}
    paths = {re.sub(r"{(\w+)(?::\w+)?}", lambda each: VALUES.get(each[1], "ada"), each) for each in templates}
    assert len(paths) > 150
    for path in paths | {"/static/style.css", "/docs/", "/a/b/c/d/e", "/", "//"}:
        found = matching(routes.routes, path, root)
        assert matching(few.candidates(root + path), path, root) == found, path
        for redirected in (f"{path}/", path.rstrip("/")):
            assert matching(few.candidates(root + redirected), path, root) == found, path


def test_most_routes_are_left_out_by_their_text(hub: LocalHub) -> None:
    routes = create_app(hub).router
    assert len(FewRoutes(routes).candidates("/ada/first-yo/resolve/main/README.md")) < len(routes.routes) / 20


def test_every_route_can_be_built(hub: LocalHub) -> None:
    routes = [each for each in create_app(hub).routes if isinstance(each, StrictRoute)]
    assert all(callable(each.app) for each in routes)
    assert not hasattr(routes[0], "unknown")


@pytest.fixture
def restless() -> Iterator[None]:
    """Let Python change between threads a thousand times more often, so that they meet within a millisecond."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(before / 1000)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("restless")
def test_threads_that_need_a_route_at_once_get_the_same(hub: LocalHub) -> None:
    spec = next(each.spec for each in create_app(hub).routes if isinstance(each, StrictRoute))
    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            route = StrictRoute(spec, {"GET"}, {"include_in_schema": False})
            assert len({id(each) for each in pool.map(lambda _, route=route: route.app, range(8))}) == 1


def test_a_slash_at_the_end_is_redirected_and_another_method_is_refused(hub: LocalHub) -> None:
    with TestClient(create_app(hub), follow_redirects=False) as client:
        redirect = client.get("/languages/")
        assert (redirect.status_code, redirect.headers["Location"]) == (307, "http://testserver/languages")
        refused = client.post("/languages")
        assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD")
