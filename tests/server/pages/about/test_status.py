"""/status: everybody sees whether the server works, administrators see why not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from hub.errors import Unreachable
from hub.local import LocalHub
from hub.maintenance import readiness
from hub.maintenance.backup import back_up, last_backup
from server import create_app
from server.parts.try_it.part import TryIt
from server.parts.try_it.service import running_service
from server.parts.try_it.settings import Settings
from tests.builders.server.imitated_worker import COMMAND
from tests.builders.server.people import Browser, browse, browser, hub

__all__ = ["browse", "browser", "hub"]


def test_visitors_see_what_works_and_nothing_else(browser: Browser):
    response = browser.get("/status")
    assert response.status_code == 200
    assert "This server is working." in response.text
    assert response.text.count("</span> works") + response.text.count(">works<") >= 2
    assert "Last backup" not in response.text
    assert "SQLite" not in response.text


def test_administrators_also_see_the_last_backup_and_what_the_server_runs_on(
    browse: Callable[..., Browser], hub: LocalHub, tmp_path: Path
):
    back_up(hub.registry, hub.store, tmp_path / "backup")
    root, ada = browse(), browse()
    root.enter(hub, "root")
    ada.enter(hub, "ada")
    page = root.get("/status")
    made_at = last_backup(hub.registry.database)
    assert made_at is not None
    assert f"<dt>Last backup</dt><dd>{made_at:%Y-%m-%d}</dd>" in page.text
    assert "SQLite" in page.text
    assert str(hub.home.folder) not in page.text
    assert page.headers["Cache-Control"] == "private, no-store"
    assert "Last backup" not in ada.get("/status").text


def test_a_store_that_does_not_respond_is_told_with_status_503(
    browser: Browser, hub: LocalHub, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object) -> bool:
        raise Unreachable("the bucket `secret-bucket` does not respond.")

    monkeypatch.setattr(type(hub.store), "holds", refuse)
    response = browser.get("/status")
    assert response.status_code == 503
    assert "This server cannot process all requests right now." in response.text
    assert "does not work" in response.text
    assert "secret-bucket" not in response.text


def test_a_database_that_does_not_respond_is_told_with_status_503(
    browse: Callable[..., Browser], hub: LocalHub, monkeypatch: pytest.MonkeyPatch
):
    root = browse()
    root.enter(hub, "root")

    def refuse(_: object) -> int:
        raise Unreachable("no database")

    monkeypatch.setattr(readiness, "count_jobs", refuse)
    response = root.get("/status")
    assert response.status_code == 503
    assert "does not work" in response.text
    assert "Last backup" not in response.text


def test_the_queue_of_images_is_a_part_of_the_server(hub: LocalHub, monkeypatch: pytest.MonkeyPatch):
    with running_service(Settings(), COMMAND) as socket:
        monkeypatch.setenv("HUB_TRY_SOCKET", str(socket))
        with TestClient(create_app(hub, parts=(TryIt(),))) as client:
            assert "0 waiting, 0 running" in client.get("/status", headers={"Accept": "text/html"}).text
    monkeypatch.setenv("HUB_TRY_SOCKET", "")
    with TestClient(create_app(hub, parts=(TryIt(),))) as client:
        assert "does not generate images" in client.get("/status", headers={"Accept": "text/html"}).text
    with TestClient(create_app(hub, parts=())) as client:
        assert "Image generation" not in client.get("/status", headers={"Accept": "text/html"}).text
