"""A copied card with a better number, over HTTP: it gets neither the first place nor the badge."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from hub.home import Home
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.publish import publish
from server import create_app
from tests.builders.artifacts import a_card, a_folder, a_score
from tests.builders.registry import reproduce_claims
from tests.builders.server.people import ROOT

BADGE = '<span class="badge reproduced"'
ORIGINAL = ArtifactName("linguahub", "mulan-yo")


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LocalHub]:
    """A hub with `linguahub/mulan-yo`, whose card claims 0.84, and a user eve."""
    with LocalHub.open(Home(tmp_path / "registry.db", tmp_path, tmp_path / "no-cards")) as opened:
        opened.accounts.add("eve", ROOT)
        publish(a_folder(tmp_path / "original", the_card()), ORIGINAL, opened.registry, opened.store)
        yield opened


@pytest.fixture
def client(hub: LocalHub) -> Iterator[TestClient]:
    with TestClient(create_app(hub), follow_redirects=False) as client:
        client.headers["Authorization"] = f"Bearer {hub.tokens.create(hub.accounts.get('eve'), 'write', ROOT)}"
        yield client


def the_card(value: float = 0.84, **changes: object):
    return a_card(encoder="", scores=(a_score(value, **changes),))


def commit(client: TestClient, folder: Path, name: str = "mulan-yo"):
    """Commit the files of a folder to eve's repository, as huggingface_hub does."""
    client.post("/api/repos/create", json={"name": name})
    client.post("/api/repos/create", json={"name": "emoji-sd"})  # the base that the card names
    lines = [{"key": "header", "value": {"summary": "Upload"}}]
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        content = base64.b64encode(path.read_bytes()).decode()
        lines.append(
            {
                "key": "file",
                "value": {"path": path.relative_to(folder).as_posix(), "content": content, "encoding": "base64"},
            }
        )
    body = "\n".join(map(json.dumps, lines))
    return client.post(
        f"/api/models/eve/{name}/commit/main", content=body, headers={"Content-Type": "application/x-ndjson"}
    )


def found(client: TestClient, **query: str) -> list[str]:
    items = client.get("/api/v1/search", params=query).json()["items"]
    return [f"{each['owner']}/{each['name']}" for each in items]


@pytest.mark.parametrize("reproduced", [False, True])
def test_a_copied_card_with_a_better_number_is_not_first_and_has_no_badge(
    hub: LocalHub, client: TestClient, tmp_path: Path, reproduced: bool
):
    if reproduced:
        reproduce_claims(hub, "linguahub/mulan-yo")
    copy = a_folder(tmp_path / "copy", the_card(0.84))
    card = (copy / "README.md").read_text()
    (copy / "README.md").write_text(card.replace("value: 0.84\n", "value: 0.9999\n").replace("high: 0.89", "high: 1.0"))
    assert commit(client, copy).status_code == 200
    assert hub.registry.get("eve/mulan-yo").scores[0].value == 0.9999
    for query in ({}, {"lang": "yo"}, {"q": "yoruba"}, {"base": "emoji-sd"}, {"lang": "yo", "kind": "adapter"}):
        assert found(client, **query)[0] == "linguahub/mulan-yo", query
    board = client.get("/api/v1/leaderboard?benchmark=emoji-generation&metric=r_precision_at_1").json()
    entries = [each for ranking in board["rankings"] for each in ranking["entries"]]
    assert [each["artifact"] for each in entries] == ["linguahub/mulan-yo"] * reproduced
    by_metric = {"metric": "r_precision_at_1", "sort": "metric"}
    assert found(client, **by_metric) == ["linguahub/mulan-yo"] * reproduced
    page = client.get("/eve/mulan-yo").text
    assert "self-reported" in page
    assert BADGE not in page
    assert (BADGE in client.get("/linguahub/mulan-yo").text) is reproduced
    listing = client.get("/?lang=yo").text
    assert listing.index("0.840") < listing.index("1.000")
    assert listing.count(BADGE) == reproduced


def test_duplicates_and_renames_inherit_no_badge(hub: LocalHub, client: TestClient, tmp_path: Path):
    assert commit(client, a_folder(tmp_path / "own", the_card(0.6))).status_code == 200
    reproduce_claims(hub, "eve/mulan-yo")
    assert BADGE in client.get("/eve/mulan-yo").text
    made = client.post("/api/models/eve/mulan-yo/duplicate", json={"repository": "eve/twin"})
    assert made.status_code == 200, made.text
    assert BADGE not in client.get("/eve/twin").text
    moved = client.post("/api/repos/move", json={"fromRepo": "eve/mulan-yo", "toRepo": "eve/other"})
    assert moved.status_code == 200, moved.text
    assert BADGE not in client.get("/eve/other").text
    assert client.get("/api/v1/leaderboard?benchmark=emoji-generation&metric=r_precision_at_1").json()["rankings"] == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"low": 0.85, "high": 0.9}, "the value 0.84 is outside its interval, 0.85 to 0.9"),
        ({"sample_size": 0}, "n is 0, but a score needs at least one sample"),
        ({"sample_size": -5}, "n is -5"),
        ({"value": 1.2, "low": None, "high": None}, "the value 1.2 is not a share of 1"),
        ({"benchmark_digest": "16706f8f05e18ce1ca55e4101f0bec380bcc0d82f2dbe0904a62d0fec14a3a4a", "sample_size": 5000}, "n is 5000, but split `seen` has 1176"),
    ],
)  # fmt: skip
def test_an_impossible_score_is_refused_in_one_line(client: TestClient, tmp_path: Path, changes: dict, reason: str):
    response = commit(client, a_folder(tmp_path / "wrong", the_card(**{"value": 0.84, **changes})))
    assert response.status_code == 400
    assert reason in response.json()["error"]
    assert "\n" not in response.json()["error"]


def test_a_card_that_calls_itself_reproduced_is_refused(client: TestClient, tmp_path: Path):
    folder = a_folder(tmp_path / "bold", the_card())
    card = (folder / "README.md").read_text()
    (folder / "README.md").write_text(card.replace("provenance: measured", "provenance: reproduced"))
    response = commit(client, folder)
    assert response.status_code == 400
    assert "a card cannot claim `reproduced`" in response.json()["error"]


def test_a_score_of_a_revision_with_other_weights_is_refused(hub: LocalHub, client: TestClient, tmp_path: Path):
    measured = hub.registry.get("linguahub/mulan-yo").revision
    card = the_card(source=f"hub evaluate mulan-yo; revision {measured[:12]}; two cores")
    same = commit(client, a_folder(tmp_path / "same", card), "same")
    assert same.status_code == 200, "these are the measured weights"
    response = commit(client, a_folder(tmp_path / "other", card, seed=7), "other")
    assert response.status_code == 400
    assert f"was measured on revision {measured[:12]}, which has other weights" in response.json()["error"]
    hub.registry.database.execute("UPDATE artifacts SET private = TRUE WHERE owner = 'linguahub'")
    assert commit(client, a_folder(tmp_path / "other", card, seed=7), "other").status_code == 200, (
        "private revisions reveal nothing"
    )
