"""Read requests of /api/v1 for artifacts; all responses match the OpenAPI document."""

from __future__ import annotations

import hashlib
import json

import pytest
from pydantic import TypeAdapter
from starlette.testclient import TestClient

from hub.catalogue.method_facts import MethodPage
from hub.catalogue.owner_facts import Owner
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.commit import create
from hub.publish.publish import drain_outbox
from server.api import catalogue, health, languages
from server.api.artifacts import artifacts, compare, compatible, leaderboard, parity, recommend, revisions, scores
from server.http.response_bodies import body_class
from tests.builders.server.catalogue import NAME, ON_BOTH, Header
from tests.builders.server.people import ROOT

BOARD = "/api/v1/leaderboard?benchmark=emoji-generation&metric=r_precision_at_1"
pytestmark = ON_BOTH


@pytest.mark.parametrize(
    ("address", "body"),
    [
        (NAME, artifacts.ArtifactDetailsBody), ("/api/v1/artifacts/linguahub/emoji-sd", artifacts.ArtifactDetailsBody),
        (f"{NAME}?revision=1", artifacts.ArtifactDetailsBody), (f"{NAME}/downloads?days=7", artifacts.DownloadsBody),
        (f"{NAME}/revisions", revisions.RevisionsBody), (f"{NAME}/revisions/1", artifacts.RevisionWithFilesBody),
        (f"{NAME}/revisions/main/tensors", artifacts.TensorsBody), (f"{NAME}/revisions/1/manifest", revisions.ManifestBody),
        (f"{NAME}/diff?from=1&to=main", revisions.DiffBody), (f"{NAME}/diff?from=main&to=1", revisions.DiffBody),
        (f"{NAME}/aliases", revisions.AliasesBody), (f"{NAME}/scores", scores.ScoresBody), (BOARD, leaderboard.LeaderboardBody),
        ("/api/v1/compare?artifact=ada/yo&artifact=ada/claims", compare.CompareBody), ("/api/v1/languages", languages.LanguagesBody),
        ("/api/v1/bases", catalogue.BasesBody), ("/api/v1/bases/emoji-sd", catalogue.BaseBody), ("/api/v1/methods", catalogue.MethodsBody),
        ("/api/v1/methods/mulan", body_class(MethodPage)), ("/api/v1/benchmarks", catalogue.BenchmarksBody),
        ("/api/v1/benchmarks/emoji-generation", catalogue.BenchmarkBody), ("/api/v1/datasets", catalogue.DatasetsBody),
        ("/api/v1/owners/ada", body_class(Owner)), (f"{NAME}/compatible", compatible.CompatibleBody),
        ("/api/v1/artifacts/linguahub/twin-sd/compatible", compatible.CompatibleBody), ("/api/v1/recommend?language=yo&base=emoji-sd", recommend.RecommendBody),
        ("/api/v1/parity?base=emoji-sd", parity.ParityBody), ("/api/v1/parity?language=yo", parity.ParityBody),
        ("/api/v1/recommend?language=Hausa&base=twin-sd&budget=100&need=culture", recommend.RecommendBody), ("/api/v1/health/live", health.LiveBody),
        ("/api/v1/health/ready", health.ReadyBody),
    ],
)  # fmt: skip
def test_responses_match_the_openapi_document(client: TestClient, address: str, body: type):
    plain = {"accept-encoding": "identity"}  # A compressed answer is sent in parts, without its length.
    response = client.get(address, headers=plain)
    assert response.status_code == 200, response.text
    TypeAdapter(body).validate_json(response.content)
    assert client.head(address, headers=plain).headers["content-length"] == response.headers["content-length"]


def test_the_digest_of_a_manifest_is_the_id_of_its_revision(client: TestClient):
    known = client.get(f"{NAME}/revisions/1").json()["id"]
    assert hashlib.sha256(client.get(f"{NAME}/revisions/1/manifest").content).hexdigest() == known


def test_tensors_are_listed_by_name_shape_and_type(client: TestClient):
    (first, _) = client.get(NAME).json()["tensors"]
    assert first == {
        "path": "emoji-sd/model.safetensors", "parameters": 16, "dtypes": {"F16": 16},
        "tensors": [{"name": "weight", "dtype": "F16", "shape": [4, 4]}],
    }  # fmt: skip


def test_a_diff_lists_changes_of_card_files_and_tensors(client: TestClient):
    found = client.get(f"{NAME}/diff?from=1&to=2").json()
    assert "-  summary: Yoruba prompts for emoji-sd." in found["card"]
    assert "+  summary: Better." in found["card"]
    assert [(each["path"], each["change"], each["before_bytes"]) for each in found["files"]] == [
        ("README.md", "changed", client.get(f"{NAME}/revisions/1").json()["files"][0]["size_bytes"]),
        ("emoji-sd/more.safetensors", "added", None),
    ]
    assert [(each["name"], each["before"]) for each in found["tensors"]] == [("weight", None)]
    assert found["unchanged_files"] == 2
    assert client.get(f"{NAME}/diff?from=2&to=2").json()["files"] == []


def test_a_leaderboard_ranks_one_provenance_with_intervals(client: TestClient):
    (ranking,) = client.get(BOARD).json()["rankings"]
    assert [(each["rank"], each["artifact"], each["score"]["value"]) for each in ranking["entries"]] == [
        (1, "ada/yo", 0.7), (2, "ada/claims", 0.5),
    ]  # fmt: skip
    assert (ranking["split"], ranking["setting"], ranking["total"]) == ("seen", "n 32–319", 2)
    (reported,) = client.get(f"{BOARD}&provenance=reported").json()["rankings"]
    assert [each["score"]["source"] for each in reported["entries"]] == ["a paper, table 2"]
    for filters in ("language=Swahili", "method=pea", "digest=e", "base=wide-sd"):
        assert client.get(f"{BOARD}&{filters}").json()["rankings"] == [], filters


def test_an_entry_of_a_leaderboard_leads_to_its_run_record(client: TestClient):
    (ranking,) = client.get(BOARD).json()["rankings"]
    record = client.get(ranking["entries"][0]["record"]).json()
    assert (record["id"], record["value"], record["source"]) == (
        ranking["entries"][0]["id"], 0.7, "hub evaluate, two cores",
    )  # fmt: skip
    assert client.get(f"{NAME}/scores/{'0' * 16}").status_code == 404


def test_only_comparable_scores_are_compared(client: TestClient):
    (row,) = client.get("/api/v1/compare?artifact=ada/yo&artifact=ada/claims").json()["rows"]
    assert [each["score"]["value"] for each in row["columns"]] == [0.7, 0.5]
    assert row["verdict"] == "ada/yo is better: the intervals don't overlap"
    assert client.get("/api/v1/compare?artifact=ada/yo&artifact=ADA/YO").status_code == 400


def test_a_module_fits_bases_with_matching_conditioning(client: TestClient):
    fits = {each["base"]: each for each in client.get(f"{NAME}/compatible").json()["fits"]}
    assert (
        "it was trained on digest" in fits["linguahub/emoji-sd"]["reasons"][0]
        or fits["linguahub/emoji-sd"]["made_for_it"]
    )
    assert fits["linguahub/wide-sd"]["fits"] is False
    assert fits["linguahub/wide-sd"]["reasons"][0] == (
        "it gives 16 tokens of width 128, but `linguahub/wide-sd` takes any number of tokens of width 2048"
    )
    assert any(
        "its encoder `linguahub/emoji-xlmr` was not found" in reason for reason in fits["linguahub/twin-sd"]["reasons"]
    )


def test_the_fit_of_a_module_reveals_nothing_of_a_private_encoder(client: TestClient, hub: LocalHub, as_: Header):
    encoder = ArtifactName("linguahub", "emoji-xlmr")
    create(encoder, hub.registry, hub.store, ROOT, private=True)
    missing = "its encoder `linguahub/emoji-xlmr` was not found"
    assert missing in client.get(f"{NAME}/compatible").text
    assert missing not in client.get(f"{NAME}/compatible", headers=as_("root")).text
    hub.registry.remove(encoder)
    drain_outbox(hub.registry, hub.store)


def test_a_base_lists_modules_for_bases_with_the_same_conditioning(client: TestClient):
    found = client.get("/api/v1/artifacts/linguahub/twin-sd/compatible").json()
    assert {(each["module"], each["made_for_it"]) for each in found["fits"]} == {
        ("ada/yo", False),
        ("ada/claims", False),
        ("linguahub/mulan-yo", False),
    }
    assert client.get("/api/v1/artifacts/linguahub/wide-sd/compatible").json() == {
        "artifact": "linguahub/wide-sd", "lists": "modules", "fits": [], "total": 0,
    }  # fmt: skip


def test_a_module_whose_encoder_is_missing_is_not_recommended(client: TestClient):
    found = client.get("/api/v1/recommend?language=yo&base=emoji-sd").json()
    assert (found["ready"], found["missing"]) == ([], ["yo"])
    assert {each["module"]: each["reason"] for each in found["excluded"]} == dict.fromkeys(
        ("ada/yo", "ada/claims"), "its encoder `linguahub/emoji-xlmr` was not found"
    )


def test_a_language_without_a_module_gets_the_line_that_trains_one(client: TestClient):
    found = client.get("/api/v1/recommend?language=ha&base=emoji-sd&need=culture").json()
    assert (found["ready"], found["missing"]) == ([], ["ha"])
    assert found["training"][0]["command"] == "hub train altdiffusion --base emoji-sd --lang ha"
    assert [each["need"] for each in found["study"]] == ["culture", "one-language"]


@pytest.mark.parametrize(
    "asked",
    ["", "language=yo", "base=emoji-sd", "language=Yorubaa&base=emoji-sd", "language=yo&base=emoji-sdd", "language=yo&base=emoji-sd&need=speed",
     "language=yo&base=emoji-sd&budget=-1", "language=yo&base=emoji-sd&max_vram=0", "language=&base=emoji-sd"],
)  # fmt: skip
def test_a_question_that_cannot_be_answered_is_refused_in_one_line(client: TestClient, asked: str):
    response = client.get(f"/api/v1/recommend?{asked}")
    assert response.status_code in {400, 404}
    assert "\n" not in response.json()["error"]


def test_a_base_without_parities_comes_with_the_command_that_measures_them(client: TestClient):
    (found,) = client.get("/api/v1/parity?base=emoji-sd&language=yo").json()["bases"]
    assert (found["trial"], found["rows"], found["missing"]) == (None, [], ["yo"])
    assert found["measure"]["command"].startswith("hub evaluate emoji-sd --benchmark emoji-generation")
    assert {each["base"] for each in client.get("/api/v1/parity").json()["bases"]} >= {"linguahub/emoji-sd"}
    assert client.get("/api/v1/parity?base=emoji-sdd").status_code == 404


def test_downloads_are_counted_by_day(client: TestClient, hub: LocalHub):
    before = client.get(f"{NAME}/downloads?days=3").json()
    hub.registry.count_download(ArtifactName("ada", "yo"))
    hub.registry.count_download(ArtifactName("ada", "yo"))
    after = client.get(f"{NAME}/downloads?days=3").json()
    assert after["total"] == before["total"] + 2
    assert [each["downloads"] for each in after["days"]] == [0, 0, before["days"][2]["downloads"] + 2]


def test_metrics_count_requests_by_route_without_naming_artifacts(client: TestClient):
    client.get("/api/v1/search?q=secret-query")
    client.get(NAME)
    text = client.get("/api/v1/metrics").text
    assert 'linguahub_requests_total{method="GET",route="/api/v1/artifacts/{owner}/{name}",status="200"}' in text
    assert 'linguahub_artifacts{kind="base"} 3.0' in text
    assert "secret-query" not in text
    assert "ada/yo" not in text


def test_the_server_is_not_ready_if_the_store_does_not_respond(
    client: TestClient, hub: LocalHub, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object) -> bool:
        raise OSError("gone")

    monkeypatch.setattr(type(hub.store), "holds", refuse)
    response = client.get("/api/v1/health/ready")
    assert response.status_code == 503
    assert response.json() == {"status": "not ready", "database": True, "store": False, "jobs": 0}


def test_all_errors_have_the_same_format(client: TestClient):
    for address in (
        "/api/v1/artifacts/ada/none",
        f"{NAME}?revision=9",
        f"{NAME}/diff",
        "/api/v1/leaderboard",
        "/api/v1/audit",
    ):
        response = client.get(address)
        assert response.status_code in {400, 401, 404}
        assert list(response.json()) == ["error"]


def test_every_operation_in_the_document_has_a_description_and_an_example_of_each_error(client: TestClient):
    document = client.get("/api/v1/openapi.json").json()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["summary"], path
            assert operation["description"], path
            assert {"400", "401", "429"} <= operation["responses"].keys(), path
            errors = [each for status, each in operation["responses"].items() if status >= "400" and status != "503"]
            assert all("error" in json.dumps(each["content"]["application/json"]["examples"]) for each in errors)
    assert "HTTPValidationError" not in json.dumps(document)
