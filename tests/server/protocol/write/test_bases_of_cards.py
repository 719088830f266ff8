"""A commit is refused if its card names a base that does not exist, with the words of `hub push`, and no private name is revealed."""

import pytest
from starlette.testclient import TestClient

from hub.errors import InvalidCard
from hub.publish.checks.bases import unknown_bases
from hub.registry.accounts.permissions import Actor
from server.app import create_app
from tests.builders.hub import a_hub
from tests.builders.server.commits import commit

ROOT = Actor("root")


@pytest.fixture
def hub(tmp_path):
    with a_hub(tmp_path) as hub:
        yield hub


@pytest.fixture
def client(hub):
    """Return ada's client on a hub with her bases, one of them private, and a private one of eve's."""
    clients = {}
    for name in ("ada", "eve"):
        hub.accounts.add(name, ROOT)
        token = hub.tokens.create(hub.accounts.get(name), "write", ROOT)
        clients[name] = TestClient(create_app(hub), headers={"Authorization": f"Bearer {token}"})
    for who, name, private in (
        ("ada", "thing", False),
        ("ada", "glow-base", False),
        ("eve", "glow-bases", True),
        ("ada", "own-base", True),
    ):
        body = {"name": name, "private": private}
        assert clients[who].post("/api/repos/create", json=body).status_code == 200
    return clients["ada"]


def card_for(base):
    text = "---\nlicense: mit\nlanguage: yo\nbase_model: {0}\nlinguahub:\n  kind: adapter\n  summary: A module.\n---\nWords.\n"
    return text.format(base).encode()


def test_a_base_that_does_not_exist_is_refused_as_by_push(hub, client):
    answer = commit(client, {"README.md": card_for("glow-basis")})
    assert answer.status_code == 400, answer.text
    (as_pushed,) = unknown_bases(["glow-basis"], lambda base: hub.registry.get(base, ("ada",)))
    assert isinstance(as_pushed, InvalidCard)
    assert answer.json()["error"] == str(as_pushed)
    assert "the base `glow-basis` does not exist on this hub. Did you mean `glow-base`" in answer.json()["error"]
    assert client.get("/ada/thing/resolve/main/README.md").status_code == 404


def test_private_bases_of_others_are_answered_as_missing_ones(client):
    private, missing = (
        commit(client, {"README.md": card_for(name)}).json()["error"] for name in ("glow-bases", "glow-basex")
    )
    assert "glow-bases" not in missing
    assert private.replace("glow-bases", "glow-basex") == missing


@pytest.mark.parametrize("base", ["glow-base", "ada/own-base", "stabilityai/stable-diffusion-2-1"])
def test_bases_that_the_author_can_see_and_upstream_repositories_are_accepted(client, base):
    assert commit(client, {"README.md": card_for(base)}).status_code == 200


def test_a_commit_that_leaves_the_card_alone_does_not_look_for_its_bases(hub, client):
    assert commit(client, {"README.md": card_for("glow-base")}).status_code == 200
    assert client.request("DELETE", "/api/repos/delete", json={"name": "glow-base"}).status_code == 200
    assert commit(client, {"notes.txt": b"words"}).status_code == 200


def test_cards_of_other_libraries_name_what_they_like(client):
    assert commit(client, {"README.md": b"---\nlicense: mit\nbase_model: bert-base-uncased\n---\n"}).status_code == 200
