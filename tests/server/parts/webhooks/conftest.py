"""A hub with people, its application, and receivers that are real servers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from starlette.testclient import TestClient

from hub.registry.accounts.permissions import Actor
from hub.registry.outbox.worker import work_off
from server.app import create_app
from server.parts.webhooks.webhooks import allow_host
from server.worker import tasks_of

ROOT = Actor("root")


@dataclass
class Receiver:
    """What arrived, and what is answered."""

    url: str = ""
    arrived: list = field(default_factory=list)
    statuses: list = field(default_factory=list)
    """Answered in turn; 200 afterwards."""
    headers: dict = field(default_factory=dict)

    @property
    def bodies(self):
        return [json.loads(body) for _, body in self.arrived]


@contextmanager
def a_receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self):
            receiver.arrived.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as opened:
        yield opened


@pytest.fixture
def team(hub):
    """The hub with ada, bob and root, who administers; `lab` is ada's."""
    for name in ("ada", "bob"):
        hub.accounts.add(name, ROOT)
    hub.accounts.add("root", ROOT, is_admin=True)
    hub.accounts.add("lab", ROOT, kind="organisation")
    hub.accounts.set_member(hub.accounts.get("lab"), hub.accounts.get("ada"), "admin", ROOT)
    return hub


@pytest.fixture
def trusted(team):
    """Receivers of tests are on this machine, which an administrator must allow."""
    allow_host(team.registry.database, "127.0.0.1", ROOT)
    return team


@pytest.fixture
def client(team):
    return TestClient(create_app(team), follow_redirects=False)


@pytest.fixture
def as_(team, client):
    """Ask as somebody: the method, the address, the body."""

    @cache
    def token_of(name, role, artifact):
        return team.tokens.create(team.accounts.get(name), role, ROOT, artifact=artifact)

    def ask(name, method, path, body=None, role="write", artifact=""):
        headers = {"Authorization": f"Bearer {token_of(name, role, artifact)}"}
        return client.request(method, path, json=body, headers=headers)

    return ask


@pytest.fixture
def work(team):
    """Do what is due."""
    return lambda: work_off(team.registry.database, tasks_of(team))
