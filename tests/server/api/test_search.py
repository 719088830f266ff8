"""The search API."""

from __future__ import annotations

import subprocess
import sys

import pytest
from starlette.testclient import TestClient

from server.http.response_bodies import SearchBody


def names(response: dict) -> list[str]:
    return [f"{item['owner']}/{item['name']}" for item in response["items"]]


def test_a_search_by_language_returns_the_best_measured_artifacts_first(client: TestClient):
    response = client.get("/api/v1/search", params={"lang": "yo", "owner": "ada"}).json()
    assert names(response) == ["ada/first-yo", "ada/many"]
    assert response["total"] == 2
    assert response["facets"]["kind"] == {"adapter": 2}


@pytest.mark.parametrize("language", ["yor", "Yoruba", "Yorùbá", "yo"])
def test_languages_are_found_by_tag_or_name(client: TestClient, language: str):
    response = client.get("/api/v1/search", params={"lang": language, "owner": "ada"}).json()
    assert response["total"] == 2


def test_a_score_has_provenance_and_reason(client: TestClient):
    [item] = client.get("/api/v1/search", params={"owner": "ada", "license": "mit"}).json()["items"]
    assert (
        item["scores"][0] | {"value": 0.9, "provenance": "disputed", "reason": "the test set was never published"}
        == item["scores"][0]
    )


def test_an_unknown_language_returns_404_with_similar_names(client: TestClient):
    response = client.get("/api/v1/search", params={"lang": "Swahli"})
    assert response.status_code == 404
    assert "Swahili" in response.json()["error"]


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
def test_an_invalid_search_is_refused_in_one_line(client: TestClient, parameters: dict, part: str):
    response = client.get("/api/v1/search", params=parameters)
    assert response.status_code == 400
    assert part in response.json()["error"]
    assert "\n" not in response.json()["error"]


def test_pages_have_no_gaps_or_repetitions(client: TestClient):
    everything = names(client.get("/api/v1/search", params={"owner": "ada", "sort": "name"}).json())
    found, address = [], "/api/v1/search?owner=ada&sort=name&limit=1"
    while address:
        response = client.get(address).json()
        found += names(response)
        address = response["next"]
    assert found == everything
    assert len(found) == 3


def test_the_openapi_document_describes_our_api(client: TestClient):
    schema = client.get("/api/v1/openapi.json").json()
    assert {path.split("/")[2] for path in schema["paths"]} == {"v1"}
    assert {each["name"] for each in schema["paths"]["/api/v1/search"]["get"]["parameters"]} >= {
        "text",
        "lang",
        "limit",
    }


def test_the_server_does_not_import_tensor_libraries():
    script = (
        "import sys, server.app, server.cli; sys.exit(bool({'torch', 'diffusers', 'transformers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=300).returncode == 0


@pytest.mark.parametrize("query", [{}, {"lang": "yo", "scores": "all"}, {"kind": "base"}, {"limit": 1}])
def test_responses_match_the_openapi_document(client: TestClient, query: dict):
    SearchBody.model_validate_json(client.get("/api/v1/search", params=query).content, strict=True)


def test_results_have_the_best_score_or_all_scores_on_request(client: TestClient):
    query = {"q": "first-yo", "owner": "ada"}
    (short,) = client.get("/api/v1/search", params=query).json()["items"]
    (whole,) = client.get("/api/v1/search", params={**query, "scores": "all"}).json()["items"]
    assert [score["metric"] for score in short["scores"]] == ["r_precision_at_1"]
    assert [score["metric"] for score in whole["scores"]] == ["r_precision_at_1", "fid"]


def test_results_are_filtered_and_sorted_by_metric(client: TestClient):
    query = {"metric": "r_precision_at_1", "owner": "ada", "sort": "metric"}
    assert names(client.get("/api/v1/search", params=query).json()) == ["ada/first-yo", "ada/many"]
    assert names(client.get("/api/v1/search", params={**query, "min": "0.5"}).json()) == ["ada/first-yo"]
    assert names(client.get("/api/v1/search", params={**query, "provenance": "disputed"}).json()) == ["ada/first-ar"]
    assert client.get("/api/v1/search", params={"min": "0.5"}).status_code == 400
    assert client.get("/api/v1/search", params={**query, "min": "nan"}).status_code == 400


def test_cursors_return_every_page_once(client: TestClient):
    def read_all(limit: int) -> list[str]:
        found, cursor = [], None
        while cursor is not None or not found:
            query = {"limit": limit, "sort": "name", **({"cursor": cursor} if cursor else {})}
            page = client.get("/api/v1/search", params=query).json()
            found += names(page)
            cursor = page["cursor"]
            assert (page["next"] is None) == (cursor is None)
        return found

    found = read_all(7)
    assert found == read_all(100)
    assert len(found) == len(set(found)) > 100


def test_the_cursor_of_another_search_is_refused(client: TestClient):
    cursor = client.get("/api/v1/search", params={"limit": 1, "kind": "adapter"}).json()["cursor"]
    for wrong in (cursor, "abc", "W10", "🙂", cursor[:-3]):
        response = client.get("/api/v1/search", params={"limit": 1, "kind": "base", "cursor": wrong})
        assert response.status_code == 400
        assert "cursor" in response.json()["error"]
