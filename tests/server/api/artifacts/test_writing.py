"""Write requests of /api/v1: scores, disputes, aliases and yanking, with permissions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from hub.local import LocalHub
from hub.names import ArtifactName
from hub.records import Query
from hub.registry.scores.scores import published_scores
from tests.builders.artifacts import a_card, a_folder, a_score
from tests.builders.server.catalogue import NAME, ON_BOTH

Header = Callable[..., dict[str, str]]
NewScore = Callable[..., dict[str, Any]]
YO = ArtifactName("ada", "yo")
pytestmark = ON_BOTH


def by_author(client: TestClient, author: str) -> list[dict[str, Any]]:
    return [each for each in client.get(f"{NAME}/scores").json()["scores"] if each["author"] == author]


def test_a_score_is_stored_with_author_and_revision_and_is_a_claim(
    client: TestClient, as_: Header, new_score: NewScore
):
    response = client.post(f"{NAME}/scores", json=new_score(seed=11), headers=as_("bob"))
    assert response.status_code == 201
    published = response.json()
    assert (published["author"], published["provenance"]) == ("bob", "reported")
    assert published["measurement"]["revision"] == client.get(f"{NAME}/revisions/main").json()["id"]
    assert published["source"].endswith("two cores; published by bob")
    assert by_author(client, "bob")[0]["id"] == published["id"]
    again = client.post(f"{NAME}/scores", json=new_score(seed=11), headers=as_("bob"))
    assert len(by_author(client, "bob")) == 1
    assert again.json()["id"] == published["id"]


@pytest.mark.parametrize(
    "changes",
    [
        {"provenance": "reported"}, {"sample_size": 0}, {"seed": -1}, {"benchmark_digest": "abc"}, {"run": ""}, {"machine": ""},
        {"revision": ""}, {"value": "0.9"}, {"provenance": "reproduced"}, {"value": 1.5, "low": None, "high": None}, {"low": 0.95, "high": 0.99}, {"language": "no such language"}, {"more": 1}, {"metric": "a\nb"},
    ],
)  # fmt: skip
def test_a_score_that_cannot_be_reproduced_is_refused(
    client: TestClient, as_: Header, new_score: NewScore, changes: dict
):
    response = client.post(f"{NAME}/scores", json=new_score(**changes), headers=as_("bob"))
    assert response.status_code == 400
    assert list(response.json()) == ["error"]


@pytest.mark.parametrize("missing", ["run", "revision", "machine", "benchmark_digest", "sample_size", "seed"])
def test_every_field_of_a_measurement_is_required(client: TestClient, as_: Header, new_score: NewScore, missing: str):
    body = {name: value for name, value in new_score().items() if name != missing}
    assert missing in client.post(f"{NAME}/scores", json=body, headers=as_("bob")).json()["error"]


def test_publishing_scores_needs_a_write_token(client: TestClient, as_: Header, new_score: NewScore):
    assert client.post(f"{NAME}/scores", json=new_score()).status_code == 401
    assert client.post(f"{NAME}/scores", json=new_score(), headers=as_("bob", "read")).status_code == 403
    assert client.post(f"{NAME}/scores", json=new_score(), headers=as_("bob", artifact="ada/claims")).status_code == 403


def test_published_scores_never_affect_the_rank(
    hub: LocalHub, client: TestClient, as_: Header, new_score: NewScore, tmp_path: Any
):
    from hub.publish.publish import publish

    folder = a_folder(tmp_path / "m", a_card(encoder="", scores=(a_score(0.1),)))
    name = ArtifactName("ada", "moving")
    first = publish(folder, name, hub.registry, hub.store)

    def rank() -> int:
        return [str(each.name) for each in hub.registry.find(Query(language="yo", limit=50)).items].index(str(name))

    last = rank()
    at = f"/api/v1/artifacts/{name}/scores"
    for author, provenance in (("bob", "reported"), ("ada", "self-reported")):
        response = client.post(at, json=new_score(value=0.99, low=None, high=None), headers=as_(author))
        assert (response.status_code, response.json()["provenance"]) == (201, provenance)
        assert rank() == last
    changed = a_card(encoder="", summary="New.", scores=(a_score(0.1),))
    publish(a_folder(tmp_path / "m", changed), name, hub.registry, hub.store)
    assert {each.author for each in published_scores(hub.registry.database, name)} == {"", "ada", "bob"}
    refused = client.post(at, json=new_score(revision=first.id), headers=as_("ada"))
    assert refused.status_code == 400
    assert refused.json()["error"].startswith(f"the score is for revision {first.id[:12]}, but `ada/moving` is at")


def test_a_dispute_marks_a_claim_as_disputed_and_survives_a_new_card(
    hub: LocalHub, client: TestClient, as_: Header, tmp_path: Any
):
    from hub.publish.publish import publish

    at = "/api/v1/artifacts/ada/claims/scores"
    reproduced, reported, measured = client.get(at).json()["scores"]
    response = client.post(
        f"{at}/{reported['id']}/disputes", json={"reason": "the test set is not public"}, headers=as_("bob")
    )
    assert response.status_code == 201
    assert (response.json()["provenance"], response.json()["reason"]) == (
        "disputed",
        "the test set is not public (bob)",
    )
    again = client.post(f"{at}/{reported['id']}/disputes", json={"reason": "still"}, headers=as_("bob"))
    assert again.status_code == 409
    client.post(f"{at}/{measured['id']}/disputes", json={"reason": "too few"}, headers=as_("bob"))
    doubted = client.post(f"{at}/{reproduced['id']}/disputes", json={"reason": "lucky"}, headers=as_("root")).json()
    assert (doubted["provenance"], [each["reason"] for each in doubted["disputes"]]) == (
        "reproduced",
        ["too few", "lucky"],
    )
    from hub.records import Provenance

    paper = a_score(0.99, provenance=Provenance.REPORTED, source="a paper, table 2", low=None, high=None)
    fresh = a_card(summary="Again.", scores=(paper, a_score(0.5)))
    publish(a_folder(tmp_path / "c", fresh), ArtifactName("ada", "claims"), hub.registry, hub.store)
    first, second = client.get(at).json()["scores"]
    assert (first["provenance"], first["disputes"][0]["account"]) == ("disputed", "bob")
    assert (second["provenance"], second["disputes"][0]["reason"]) == ("disputed", "too few")
    assert client.post(f"{at}/{'0' * 16}/disputes", json={"reason": "x"}, headers=as_("bob")).status_code == 404


def test_users_cannot_dispute_their_own_scores(client: TestClient, as_: Header, new_score: NewScore):
    published = client.post(f"{NAME}/scores", json=new_score(seed=77), headers=as_("bob")).json()
    response = client.post(f"{NAME}/scores/{published['id']}/disputes", json={"reason": "hm"}, headers=as_("bob"))
    assert response.status_code == 409


def test_an_alias_works_wherever_a_revision_does_and_can_be_moved(hub: LocalHub, client: TestClient, as_: Header):
    made = client.put(f"{NAME}/aliases/@stable", json={"revision": "1"}, headers=as_("ada"))
    assert made.status_code == 200
    assert made.json()["protected"] is False
    first = client.get(f"{NAME}/revisions/1").json()
    assert first["aliases"] == ["@stable"]
    assert client.get(f"{NAME}/revisions/@stable").json()["id"] == first["id"]
    resolved = client.get("/ada/yo/resolve/@stable/README.md")
    assert resolved.headers["X-Repo-Commit"] == first["id"][:40]
    assert client.get("/ada/yo/resolve/%40stable/README.md").content == resolved.content
    assert client.get("/api/models/ada/yo/revision/@stable").json()["sha"] == first["id"][:40]
    client.put(f"{NAME}/aliases/%40stable", json={"revision": "2"}, headers=as_("ada"))
    assert client.get(f"{NAME}/revisions/@stable").json()["number"] == 2
    assert [each["name"] for each in client.get(f"{NAME}/aliases").json()["aliases"]] == ["@stable"]
    assert hub.snapshot("ada/yo", "@stable").name == client.get(f"{NAME}/revisions/2").json()["id"][:40]
    assert client.delete(f"{NAME}/aliases/@stable", headers=as_("ada")).json()["aliases"] == []
    assert client.get(f"{NAME}/revisions/@stable").status_code == 404


def test_a_protected_alias_can_only_be_moved_by_administrators(hub: LocalHub, client: TestClient, as_: Header):
    from tests.builders.server.people import ROOT

    hub.accounts.add("team", ROOT, kind="organisation")
    hub.accounts.set_member(hub.accounts.get("team"), hub.accounts.get("ada"), "admin", ROOT)
    hub.accounts.set_member(hub.accounts.get("team"), hub.accounts.get("bob"), "write", ROOT)
    client.post("/api/repos/create", json={"name": "m", "organization": "team"}, headers=as_("ada"))
    at = "/api/v1/artifacts/team/m/aliases/@stable"
    assert client.put(at, json={"revision": "main", "protected": True}, headers=as_("bob")).status_code == 403
    assert client.put(at, json={"revision": "main"}, headers=as_("bob")).status_code == 200
    assert client.put(at, json={"revision": "main", "protected": True}, headers=as_("ada")).json()["protected"] is True
    assert client.put(at, json={"revision": "main"}, headers=as_("bob")).status_code == 403
    assert client.delete(at, headers=as_("bob")).status_code == 403
    assert client.put(at, json={"revision": "1"}, headers=as_("ada")).json()["protected"] is True
    assert client.delete(at, headers=as_("ada")).status_code == 200


@pytest.mark.parametrize("alias", ["stable", "@", "@Stable", "@a..b", "@a/b", f"@{'x' * 64}"])
def test_an_invalid_alias_is_refused(client: TestClient, as_: Header, alias: str):
    response = client.put(f"{NAME}/aliases/{alias}", json={"revision": "main"}, headers=as_("ada"))
    assert response.status_code in {400, 404}


def test_a_yanked_revision_has_a_warning_until_it_is_unyanked(client: TestClient, as_: Header):
    at = f"{NAME}/revisions/1/yank"
    assert client.post(at, json={"reason": "wrong"}, headers=as_("bob")).status_code == 403
    assert client.post(at, json={"reason": "wrong"}, headers=as_("ada")).json()["yanked"] is True
    assert "yanked" in client.get("/ada/yo/resolve/1/README.md").headers["X-HF-Warning"]
    assert client.delete(at, headers=as_("ada")).json()["yanked"] is False


def test_a_yanked_revision_is_only_served_by_pin(client: TestClient, as_: Header, hub: LocalHub):
    newest, first = hub.registry.revision("ada/yo"), hub.registry.revision("ada/yo", "1")

    def yank(number: int, method: str = "POST") -> None:
        body = {"json": {"reason": "wrong"}} if method == "POST" else {}
        at = f"{NAME}/revisions/{number}/yank"
        assert client.request(method, at, headers=as_("ada"), **body).status_code == 200

    yank(newest.number)
    for address in ("/ada/yo/resolve/main/README.md", "/api/models/ada/yo/tree/main"):
        assert client.get(address).headers["X-Repo-Commit"] == first.id[:40]
    assert client.get("/api/models/ada/yo").json()["sha"] == first.id[:40]
    assert client.get(NAME).json()["revision"] == client.get(NAME).json()["shown_revision"]["id"] == first.id
    assert "Better." not in client.get("/ada/yo").text
    [main] = client.get("/api/models/ada/yo/refs").json()["branches"]
    assert main["targetCommit"] == client.get("/api/models/ada/yo/commits/main").json()[0]["id"] == newest.id[:40]
    assert "X-HF-Warning" in client.get(f"/ada/yo/resolve/{newest.id[:40]}/README.md").headers
    for number in range(1, newest.number):
        yank(number)
    for address in ("/ada/yo/resolve/main/README.md", "/api/models/ada/yo", "/api/models/ada/yo/tree/main", NAME):
        response = client.get(address)
        assert (response.status_code, response.headers["X-Error-Code"]) == (404, "RevisionNotFound"), address
        assert f"hub pull ada/yo --revision {newest.number}" in response.json()["error"]
    page = client.get("/ada/yo")
    assert page.status_code == 200
    assert f"Revision {newest.number} was yanked" in page.text
    found = {each["name"]: each["revision"] for each in client.get("/api/v1/search?owner=ada").json()["items"]}
    assert [name for name, revision in found.items() if not revision] == ["yo"]
    listed = {each["id"]: each["disabled"] for each in client.get("/api/models?author=ada&full=true").json()}
    assert [name for name, disabled in listed.items() if disabled] == ["ada/yo"]
    assert client.get("/?owner=ada").text.count("yanked</span>") == 1
    for number in range(1, newest.number + 1):
        yank(number, "DELETE")
    assert client.get("/api/models/ada/yo").json()["sha"] == newest.id[:40]


def test_administrators_read_the_whole_audit_log_and_owners_only_their_entries(client: TestClient, as_: Header):
    client.post(f"{NAME}/revisions/1/yank", json={"reason": "test"}, headers=as_("ada"))
    client.delete(f"{NAME}/revisions/1/yank", headers=as_("ada"))
    assert client.get("/api/v1/audit").status_code == 401
    assert client.get("/api/v1/audit", headers=as_("ada")).status_code == 403
    assert client.get("/api/v1/audit?subject=ada/yo", headers=as_("bob")).status_code == 403
    log = client.get("/api/v1/audit?subject=ada/yo&limit=2", headers=as_("ada")).json()
    assert [each["action"] for each in log["entries"]] == ["revision.unyank", "revision.yank"]
    assert log["entries"][1]["detail"]["reason"] == "test"
    assert log["entries"][0]["address"] == ""
    everything = client.get("/api/v1/audit?limit=1000", headers=as_("root")).json()["entries"]
    found, cursor = [], ""
    while cursor is not None:
        page = client.get("/api/v1/audit", params={"limit": 7, "cursor": cursor}, headers=as_("root")).json()
        found += page["entries"]
        cursor = page["cursor"]
    assert [each["id"] for each in everything if each["id"] <= found[-1]["id"]] == [
        each["id"] for each in found if each["id"] <= found[-1]["id"]
    ]


def test_a_private_artifact_is_hidden_on_every_path(client: TestClient, as_: Header):
    client.post("/api/repos/create", json={"name": "hidden", "private": True}, headers=as_("ada"))
    at = "/api/v1/artifacts/ada/hidden"
    for address in (at, f"{at}/revisions", f"{at}/scores", f"{at}/aliases", f"{at}/diff?from=1", f"{at}/compatible"):
        assert client.get(address).status_code == 404
        assert client.get(address, headers=as_("bob")).status_code == 404
    assert client.get(at, headers=as_("ada")).status_code == 200
    assert client.get("/api/v1/compare?artifact=ada/hidden&artifact=ada/yo").status_code == 404
