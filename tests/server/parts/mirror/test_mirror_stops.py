"""A mirror that stops during a download: the download ends before the hub is closed, and the next start fetches the file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
from fastapi import FastAPI

from hub.errors import Unreachable
from hub.local import LocalHub
from hub.names import ArtifactName
from server import create_app
from server.parts.mirror import fetch
from server.parts.mirror.fetch import FetchReader
from server.parts.mirror.mirror import Mirror
from server.parts.mirror.mirrored_repositories import MirroredRepository, blob_of
from server.parts.mirror.part import MirrorPart
from server.parts.mirror.upstream import UpstreamClient
from tests.builders.server.mirrors import WEIGHTS, mirroring
from tests.builders.serving import served

PATH = "emoji-sd/model.safetensors"


@pytest.fixture
def app(hub: LocalHub, origin) -> Iterator[FastAPI]:
    """Yield an application that mirrors the upstream."""
    upstream = UpstreamClient(origin.address)
    yield create_app(hub, parts=[MirrorPart(upstream)])
    upstream.close()


@pytest.fixture
def pause(monkeypatch) -> Callable[[threading.Event], None]:
    """Return a function that makes the upstream wait for an event after the first chunk of a large file."""
    real = UpstreamClient.open

    def pause(goes_on: threading.Event) -> None:
        @contextmanager
        def paused(self, repo, commit_id, file):
            with real(self, repo, commit_id, file) as chunks:
                yield _after_the_first(chunks, goes_on) if file.is_large else chunks

        monkeypatch.setattr(UpstreamClient, "open", paused)

    return pause


def _after_the_first(chunks, goes_on: threading.Event):
    yield next(chunks)
    assert goes_on.wait(60)
    yield from chunks


def begin(mirror: Mirror, name: str) -> FetchReader:
    """Start the download of the large file, and return after its first chunk."""
    owner, _, bare = name.rpartition("/")
    repo = MirroredRepository("models", ArtifactName(owner, bare))
    commit, _ = mirror.commit(repo, "main")
    found = mirror.bytes_of(repo, commit, mirror.file(commit, PATH))
    assert isinstance(found, FetchReader)
    return found


def download_a_part(app: FastAPI, repo: str) -> None:
    """Serve until a client has received the first bytes of the large file."""
    with served(app) as server, httpx.stream("GET", f"{server.address}/{repo}/resolve/main/{PATH}") as response:
        assert next(response.iter_raw())


def temporary_files(hub: LocalHub) -> list[str]:
    return [path.name for path in (hub.home.folder / "mirror").iterdir()]


def assert_fetched_after_a_restart(hub: LocalHub, origin, repo: str) -> None:
    with mirroring(hub, origin.address) as server:
        assert httpx.get(f"{server.address}/{repo}/resolve/main/{PATH}").content == WEIGHTS


def test_a_server_that_stops_ends_its_downloads_first(make_repo, origin, hub, app, pause):
    repo, fetches = make_repo(), app.state.mirror._fetches
    pause(fetches._stopped)  # The upstream sends the rest when the server stops.
    download_a_part(app, repo)
    assert not fetches._running
    assert not temporary_files(hub)
    hub.close()
    assert_fetched_after_a_restart(hub, origin, repo)


def test_a_stalled_download_does_not_use_the_hub_after_the_end(make_repo, origin, hub, app, pause, monkeypatch):
    repo, goes_on = make_repo(), threading.Event()
    pause(goes_on)
    monkeypatch.setattr(fetch, "STOP_S", 0.01)
    download_a_part(app, repo)
    assert not temporary_files(hub), "the server has ended, but the file is left"
    [thread] = [each for each in threading.enumerate() if each.name == f"fetch {PATH}"]
    with monkeypatch.context() as closed:
        for used in ("save_blob", "blob_of"):
            closed.setattr(fetch, used, None)  # Calling it fails the test: an error of a thread is a warning.
        goes_on.set()
        thread.join(60)
    assert not thread.is_alive()
    assert_fetched_after_a_restart(hub, origin, repo)


def test_a_file_that_is_being_stored_at_the_end_is_not_registered(make_repo, hub, app, pause, monkeypatch):
    mirror, store, goes_on = app.state.mirror, hub.store.put_file, threading.Event()
    pause(goes_on)
    reader = begin(mirror, make_repo())
    reader.close()
    monkeypatch.setattr(fetch, "STOP_S", 0.0)
    monkeypatch.setattr(hub.store, "put_file", lambda *given: (store(*given), mirror.close()))
    goes_on.set()
    with pytest.raises(Unreachable, match="this server stops"):
        reader.fetch.wait_until_stored()
    assert blob_of(hub.registry.database, reader.fetch.file.etag) is None


def test_a_process_that_copies_a_download_stops_without_it(make_repo, origin, hub, app, pause):
    repo, goes_on = make_repo(), threading.Event()
    pause(goes_on)
    first = begin(app.state.mirror, repo)
    with LocalHub.open(hub.home) as other:
        copying = Mirror(other, UpstreamClient(origin.address))
        reader = begin(copying, repo)
        copying.close()
        assert not copying._fetches._running
        assert reader.fetch.error is not None
        with pytest.raises(Unreachable, match="this server stops"):
            begin(copying, repo)
        reader.close()
        copying.upstream.close()
    goes_on.set()
    first.close()
    first.fetch.wait_until_stored()
    assert blob_of(hub.registry.database, first.fetch.file.etag) in hub.store
