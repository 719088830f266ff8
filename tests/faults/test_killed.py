"""A server that is killed during an upload loses no confirmed file, and the upload can be repeated.

This test runs a few rounds; `python -m tests.faults ROUNDS` runs more.
"""

from __future__ import annotations

import os

import pytest

from hub.home import Home
from hub.local import LocalHub
from hub.maintenance.verify import verify
from tests.builders import postgres
from tests.faults.killing import REPOSITORY, kill_again_and_again

ROUNDS = 4


@pytest.mark.slow
@pytest.mark.parametrize("places", ["sqlite and a folder", "postgres and a bucket"])
def test_a_server_killed_during_uploads_has_no_fault_afterwards(places, tmp_path, request):
    environment = {"HUB_HOME": str(tmp_path), "HUB_CARDS": str(tmp_path / "cards")}
    if places.startswith("postgres"):
        environment["DATABASE_URL"] = postgres.a_database(request.getfixturevalue("cluster"))
        environment["STORE_URL"] = request.getfixturevalue("bucket")
    environment = {**os.environ, **environment}

    outcome = kill_again_and_again(environment, ROUNDS)

    assert outcome.rounds == ROUNDS
    assert outcome.interrupted > ROUNDS // 4, "enough kills must happen during a write"
    with LocalHub.open(Home.find(environment=environment)) as hub:
        assert [each.text for each in verify(hub.registry, hub.store) if each.is_fault] == []
        held = {file.path: file.digest.hex for file in hub.registry.revision(REPOSITORY).files}
        assert outcome.confirmed.items() <= held.items()
