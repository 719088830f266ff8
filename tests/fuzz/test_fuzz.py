"""No client causes an error of the server: 500 hostile requests by the Hub protocol, git, Git LFS and Xet, and to every route.

`python -m tests.fuzz` sends 20,000, or `python -m tests.fuzz REQUESTS SEED`. `tests/server/openapi` does the same for `/api/v1`.
"""

from __future__ import annotations

import logging
import shutil

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import tests.fuzz.fuzz
from hub.home import Home
from hub.local import LocalHub
from server import create_app
from tests.fuzz.chance import Chance
from tests.fuzz.fuzz import fuzz

REQUESTS = 500


@pytest.fixture
def hub(tmp_path, empty_registry):
    shutil.copy(empty_registry, tmp_path / "registry.db")
    with LocalHub.open(Home(tmp_path / "registry.db", tmp_path, tmp_path / "cards")) as opened:
        yield opened


@pytest.mark.slow
def test_no_hostile_request_causes_a_server_error_a_traceback_or_a_page_that_fails(hub):
    logging.getLogger("server.access").setLevel(logging.WARNING)
    report = fuzz(hub, REQUESTS)
    assert report.faults == {}, str(report)
    answers = {kind: set() for kind in ("git", "lfs", "xet", "commit", "write", "read", "any")}
    for each in report.statuses:
        kind, status = each.split(" ")
        answers.setdefault(kind, set()).add(status)
    assert [kind for kind, found in answers.items() if "200" not in found] == [], (
        "hostile requests alone test only the first check"
    )
    assert [kind for kind, found in answers.items() if kind != "pages" and "400" not in found] == []


def test_a_crash_a_traceback_and_an_error_of_several_lines_are_found(hub, monkeypatch, no_tracebacks):
    def crash(_: Request) -> Response:
        raise RuntimeError("a bug")

    def broken(*arguments, **options):
        app = create_app(*arguments, **options)
        app.router.routes.insert(0, Route("/{rest:path}", crash, methods=["GET", "POST", "PUT", "DELETE"]))
        return app

    monkeypatch.setattr(tests.fuzz.fuzz, "create_app", broken)
    found = fuzz(hub, 20).faults
    no_tracebacks.clear()
    assert any(each.startswith("500: ") for each in found)
    assert any("RuntimeError: a bug" in each for each in found)
    assert any(each.startswith("a page fails: ") for each in found)


def test_the_same_seed_makes_the_same_choices():
    def made(seed):
        chance = Chance(seed)
        return [chance.changed({"a": [1, "b"], "c": {"d": None}}, 0.5) for _ in range(20)], chance.damaged(
            b"some bytes"
        )

    assert repr(made("1 2")) == repr(made("1 2")) != repr(made("1 3"))
