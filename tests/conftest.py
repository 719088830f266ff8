"""Fixtures for all tests."""

from __future__ import annotations

import functools
import gc
import logging
import os
import shutil
import sqlite3
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.local import LocalHub
from hub.registry import Registry
from tests.builders import postgres
from tests.builders.buckets import KEYS, a_bucket
from tests.builders.filled import ON_EACH_DATABASE, a_registry
from tests.builders.hub import a_hub
from tests.builders.processes import running

S3_SERVER = """
import threading
from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

class Handler(MotoRequestHandler):
    disable_nagle_algorithm = True  # It delays each body by 40 ms, because head and body are two packets.
    protocol_version = "HTTP/1.1"  # Keep connections open.

    def log_request(self, *_): pass

# The application of S3 alone: finding the service of a request takes as long as its response.
server = make_server("127.0.0.1", 0, create_backend_app("s3"), threaded=True, request_handler=Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.port, flush=True)
input()
"""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Import what the tests import without what takes longest and serves no test.

    Never look for garbage among what the imports leave, a million objects: each time would take 0.7 s, dozens of times. And leave
    out torch's code generator, 2 s: bitsandbytes asks for it as it is imported, to compile four functions.
    """
    gc.disable()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TORCHDYNAMO_DISABLE", "1")
            return (yield)
    finally:
        gc.freeze()
        # Python's own 700 would look through all that tests keep, such as small models, so often that it took a tenth of their time.
        gc.set_threshold(20_000)
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def session_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Set HUB_HOME for the session, so that no test reads or writes the index and the store of this checkout."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # The folder of all workers, which index the cards once.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUB_HOME", str(folder / "default-home"))
        patch.delenv("DATABASE_URL", raising=False)
        patch.delenv("STORE_URL", raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def no_waiting_for_the_disk() -> Iterator[None]:
    """Let this process write without waiting until the disk has the bytes, which only a power cut would show.

    A confirmed push waits a dozen times, some milliseconds each.
    """
    from sqlalchemy import event
    from sqlalchemy.pool import Pool

    def use_no_sync(connection: object, *_: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous = OFF")

    event.listen(Pool, "checkout", use_no_sync)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield
    event.remove(Pool, "checkout", use_no_sync)


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Let this process hash passwords with the least that Argon2 allows: with the parameters of a server, each takes 0.2 s."""
    from argon2 import PasswordHasher

    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hub.registry.accounts.secrets._hasher", lambda: hasher)
        patch.setattr("hub.registry.accounts.secrets._DUMMY_HASH", hasher.hash("a password"))
        yield


@pytest.fixture(scope="session", autouse=True)
def certificates_once() -> Iterator[None]:
    """Let HTTP clients of this process share the certificates that they trust: reading them takes each client 15 ms."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", functools.cache(ssl.create_default_context))
        yield


@pytest.fixture(autouse=True)
def no_tracebacks() -> Iterator[list[logging.LogRecord]]:
    """Fail a test during which uvicorn logged a traceback: an exception that reaches the top is a bug.

    `TestClient` raises such exceptions itself; a real server only logs them. A test that provokes one clears the list.
    """
    crashes: list[logging.LogRecord] = []

    def collect(record: logging.LogRecord) -> bool:
        if record.exc_info:
            crashes.append(record)
        return True

    logger = logging.getLogger("uvicorn.error")
    logger.addFilter(collect)  # Not a handler: uvicorn removes those when it starts.
    yield crashes
    logger.removeFilter(collect)
    assert not crashes, "\n".join(map(logging.Formatter().format, crashes))


@pytest.fixture(scope="session")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty registry.db. Copying it saves every test half a second of migrations."""
    folder = tmp_path_factory.mktemp("empty")
    a_hub(folder).close()
    return folder / "home" / "registry.db"


@pytest.fixture
def hub(tmp_path: Path, empty_registry: Path) -> Iterator[LocalHub]:
    """Yield a new, empty hub."""
    (tmp_path / "home").mkdir()
    shutil.copy(empty_registry, tmp_path / "home" / "registry.db")
    with a_hub(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """Yield the socket folder of a PostgreSQL server for this session."""
    if (binaries := postgres.programs()) is None:
        pytest.skip(postgres.ABSENT)
    with postgres.a_cluster(binaries) as folder:
        yield folder


@pytest.fixture(params=ON_EACH_DATABASE)
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the address of a database without tables, once on each database."""
    if request.param == "sqlite":
        return str(tmp_path / "registry.db")
    return postgres.a_database(request.getfixturevalue("cluster"))


@pytest.fixture(params=ON_EACH_DATABASE)
def registry(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Yield an empty registry, once on each database."""
    with a_registry(request, tmp_path_factory) as opened:
        yield opened


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """Yield the address of moto's S3 server, a process that ends with the session."""
    command = [sys.executable, "-c", S3_SERVER]
    environment = {**os.environ, **KEYS}
    with running(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"


@pytest.fixture
def bucket(s3: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the URL of an empty bucket, and set the environment variables that point to it."""
    return a_bucket(s3, monkeypatch)
