"""A hub with users, its application, and real servers as receivers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
from starlette.testclient import TestClient

from hub.registry.outbox.worker import run_due
from server.app import create_app
from server.parts.webhooks.webhooks import allow_host
from server.worker import tasks_of_worker
from tests.builders.server.people import ROOT, add_people
from tests.builders.server.webhooks import Receiver, a_receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as opened:
        yield opened


@pytest.fixture
def team(hub):
    """Return the hub with the users ada, bob and root, an administrator. Ada owns the organisation `lab`."""
    add_people(hub, "ada", "bob")
    return hub


@pytest.fixture
def trusted(team):
    """Allow webhooks to reach this machine, where the receivers of tests run."""
    allow_host(team.registry.database, "127.0.0.1", ROOT)
    return team


@pytest.fixture
def client(team):
    return TestClient(create_app(team), follow_redirects=False)


@pytest.fixture
def as_(team, client):
    """Return a function that sends a request as a user."""

    @cache
    def token_of(name, role, artifact):
        return team.tokens.create(team.accounts.get(name), role, ROOT, artifact=artifact)

    def ask(name, method, path, body=None, role="write", artifact=""):
        headers = {"Authorization": f"Bearer {token_of(name, role, artifact)}"}
        return client.request(method, path, json=body, headers=headers)

    return ask


@pytest.fixture
def work(team):
    """Run the jobs that are due."""
    return lambda: run_due(team.registry.database, tasks_of_worker(team))
