"""Optional parts: the core works without any of them, and other packages can add parts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest
from starlette.testclient import TestClient

from hub.plugins import advertised
from hub.registry import parts
from hub.registry.accounts.permissions import Actor
from hub.registry.events import CONFIG, emit
from hub.registry.tables.artifacts import artifact_row
from server.app import create_app
from server.part import ServerPart
from tests.builders.hub import a_hub

ADDRESS_OF = {
    "device-login": ("POST", "/oauth/device"),
    "git": ("GET", "/ada/yo.git/info/refs?service=git-upload-pack"),
    "webhooks": ("GET", "/api/v1/webhooks"),
}
"""A request for each part that only this part handles."""
START = """
import sys
from starlette.testclient import TestClient
from hub.local import LocalHub
from server.app import create_app
from server.worker import Worker
with LocalHub.open() as hub, TestClient(create_app(hub, Worker(hub))) as client:
    print(client.get("/").status_code, client.get("/api/models").status_code, *sorted(n for n in sys.modules if n.startswith("server.parts.")))
"""


@pytest.fixture
def hub(tmp_path, empty_registry):
    """Return a separate hub, because the other tests of the server share one."""
    (tmp_path / "home").mkdir()
    shutil.copy(empty_registry, tmp_path / "home" / "registry.db")
    with a_hub(tmp_path) as opened:
        yield opened


@pytest.fixture
def repository(hub):
    """Create `ada/yo` over HTTP and return the headers of its owner."""
    token = hub.tokens.create(hub.accounts.add("ada", Actor("test")), "write", Actor("test"))
    headers = {"Authorization": f"Bearer {token}"}
    with TestClient(create_app(hub)) as client:
        assert client.post("/api/repos/create", json={"name": "yo"}, headers=headers).status_code == 200
    return headers


@pytest.mark.parametrize("name", [*advertised(parts.GROUP), "all parts"])
def test_the_server_runs_without_a_part(name, hub, repository, monkeypatch):
    left_out = list(advertised(parts.GROUP)) if name == "all parts" else [name]
    monkeypatch.setenv("HUB_WITHOUT_PARTS", ", ".join(left_out))
    with TestClient(create_app(hub)) as client:
        assert client.get("/").status_code == 200
        assert client.get("/ada/yo").status_code == 200
        assert client.get("/api/models/ada/yo/tree/main").json()[0]["path"] == ".gitattributes"
        assert client.get("/ada/yo/resolve/main/nothing").status_code == 404
        assert client.post("/api/models/ada/yo/tag/main", json={"tag": "v1"}, headers=repository).status_code == 200
        for each in left_out:
            if each in ADDRESS_OF:
                assert client.request(*ADDRESS_OF[each], headers=repository).status_code in {404, 405, 501}


def test_a_disabled_part_is_not_imported(tmp_path):
    environment = os.environ | {"HUB_HOME": str(tmp_path), "HUB_CARDS": str(tmp_path / "cards")}
    everything = ",".join(advertised(parts.GROUP))
    done = subprocess.run(
        [sys.executable, "-c", START],
        env=environment | {"HUB_WITHOUT_PARTS": everything},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    status, listed, *loaded = done.stdout.split()
    assert (status, listed) == ("200", "200")
    assert [each for each in loaded if not each.endswith((".part", ".tables")) and each.count(".") > 2] == []


def test_a_part_that_cannot_be_imported_is_skipped_and_logged(monkeypatch, caplog):
    def refuse():
        raise ImportError("no module named `gone`")

    monkeypatch.setattr("hub.plugins.advertised", lambda group: {"gone": SimpleNamespace(load=refuse)})
    parts.installed_parts.cache_clear()
    try:
        assert parts.parts() == ()
    finally:
        parts.installed_parts.cache_clear()
    assert "skipping `gone` of hub.parts: no module named `gone`" in caplog.text


def test_a_part_receives_events_within_their_transaction(hub, repository, monkeypatch):
    heard = []

    class Listener(ServerPart):
        def on_event(self, session, event):
            heard.append((event.scope, event.action, event.artifact.key))

    monkeypatch.setattr("hub.registry.events.parts", lambda: (Listener(),))
    with hub.registry.database.transaction() as session:
        emit(session, artifact_row(session, SimpleNamespace(key="ada/yo")), CONFIG, "update", updatedConfig={})
    assert heard == [("repo.config", "update", "ada/yo")]


def test_every_part_has_the_name_of_its_entry():
    assert {part.name for part in parts.parts()} == set(advertised(parts.GROUP))
