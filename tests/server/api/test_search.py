"""The search API."""

from __future__ import annotations

import subprocess
import sys

import pytest
from starlette.testclient import TestClient

from server.http.response_bodies import SearchBody


def names(answer: dict) -> list[str]:
    return [f"{item['owner']}/{item['name']}" for item in answer["items"]]


def test_a_search_by_language_finds_what_covers_it_best_measured_first(client: TestClient):
    answer = client.get("/api/v1/search", params={"lang": "yo", "owner": "ada"}).json()
    assert names(answer) == ["ada/first-yo", "ada/many"]
    assert answer["total"] == 2
    assert answer["facets"]["kind"] == {"adapter": 2}


@pytest.mark.parametrize("language", ["yor", "Yoruba", "Yorùbá", "yo"])
def test_languages_may_be_called_by_any_of_their_names(client: TestClient, language: str):
    answer = client.get("/api/v1/search", params={"lang": language, "owner": "ada"}).json()
    assert answer["total"] == 2


def test_a_score_comes_with_all_that_is_needed_to_judge_it(client: TestClient):
    [item] = client.get("/api/v1/search", params={"owner": "ada", "license": "mit"}).json()["items"]
    assert (
        item["scores"][0] | {"value": 0.9, "provenance": "disputed", "reason": "nobody has seen the test set"}
        == item["scores"][0]
    )


def test_an_unknown_language_is_not_found_and_near_names_are_told(client: TestClient):
    answer = client.get("/api/v1/search", params={"lang": "Swahli"})
    assert answer.status_code == 404
    assert "Swahili" in answer.json()["error"]


@pytest.mark.parametrize(
    ("parameters", "part"),
    [
        ({"limit": "0"}, "`limit` must be a whole number from 1 to 100"),
        ({"limit": "many"}, "`limit` must be"),
        ({"offset": "-1"}, "`offset` must be"),
        ({"sort": "beauty"}, "cannot sort by `beauty`"),
        ({"licence": "mit"}, "Did you mean `license`?"),
    ],
)
def test_a_search_that_cannot_be_is_refused_in_one_line(client: TestClient, parameters: dict, part: str):
    answer = client.get("/api/v1/search", params=parameters)
    assert answer.status_code == 400
    assert part in answer.json()["error"]
    assert "\n" not in answer.json()["error"]


def test_pages_follow_each_other_without_gap_or_repetition(client: TestClient):
    everything = names(client.get("/api/v1/search", params={"owner": "ada", "sort": "name"}).json())
    walked, address = [], "/api/v1/search?owner=ada&sort=name&limit=1"
    while address:
        answer = client.get(address).json()
        walked += names(answer)
        address = answer["next"]
    assert walked == everything
    assert len(walked) == 3


def test_the_schema_describes_our_own_api(client: TestClient):
    schema = client.get("/api/v1/openapi.json").json()
    assert {path.split("/")[2] for path in schema["paths"]} == {"v1"}
    assert {each["name"] for each in schema["paths"]["/api/v1/search"]["get"]["parameters"]} >= {
        "text",
        "lang",
        "limit",
    }


def test_the_server_needs_no_tensor_library():
    script = (
        "import sys, server.app, server.cli; sys.exit(bool({'torch', 'diffusers', 'transformers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize("asked", [{}, {"lang": "yo", "scores": "all"}, {"kind": "base"}, {"limit": 1}])
def test_an_answer_is_what_the_document_promises(client: TestClient, asked: dict):
    SearchBody.model_validate_json(client.get("/api/v1/search", params=asked).content, strict=True)


def test_a_line_has_the_best_score_and_all_of_them_when_asked(client: TestClient):
    asked = {"q": "first-yo", "owner": "ada"}
    (short,) = client.get("/api/v1/search", params=asked).json()["items"]
    (whole,) = client.get("/api/v1/search", params={**asked, "scores": "all"}).json()["items"]
    assert [score["metric"] for score in short["scores"]] == ["r_precision_at_1"]
    assert [score["metric"] for score in whole["scores"]] == ["r_precision_at_1", "fid"]


def test_a_metric_narrows_by_value_and_sorts_by_it(client: TestClient):
    asked = {"metric": "r_precision_at_1", "owner": "ada", "sort": "metric"}
    assert names(client.get("/api/v1/search", params=asked).json()) == ["ada/first-yo", "ada/many"]
    assert names(client.get("/api/v1/search", params={**asked, "min": "0.5"}).json()) == ["ada/first-yo"]
    assert names(client.get("/api/v1/search", params={**asked, "provenance": "disputed"}).json()) == ["ada/first-ar"]
    assert client.get("/api/v1/search", params={"min": "0.5"}).status_code == 400
    assert client.get("/api/v1/search", params={**asked, "min": "nan"}).status_code == 400


def test_cursors_lead_through_every_page_once(client: TestClient):
    everything = names(client.get("/api/v1/search", params={"limit": 100, "sort": "name"}).json())
    found, cursor = [], None
    while cursor is not None or not found:
        page = client.get(
            "/api/v1/search", params={"limit": 7, "sort": "name", **({"cursor": cursor} if cursor else {})}
        )
        found += names(page.json())
        cursor = page.json()["cursor"]
        assert (page.json()["next"] is None) == (cursor is None)
    assert found == everything


def test_the_cursor_of_another_search_is_refused(client: TestClient):
    cursor = client.get("/api/v1/search", params={"limit": 1, "kind": "adapter"}).json()["cursor"]
    for wrong in (cursor, "abc", "W10", "🙂", cursor[:-3]):
        answer = client.get("/api/v1/search", params={"limit": 1, "kind": "base", "cursor": wrong})
        assert answer.status_code == 400
        assert "cursor" in answer.json()["error"]
