"""Parameters of lists that no client has methods for."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from server.protocol.read import listing


def ids(client: TestClient, query: str) -> list[str]:
    response = client.get(f"/api/models?{query}")
    assert response.status_code == 200, response.text
    return [each["id"] for each in response.json()]


def test_a_search_without_matching_names_searches_descriptions(client: TestClient):
    assert ids(client, "search=irst-y") == ["ada/first-yo"]
    assert ids(client, "search=Draws%20emoji%20from%20English") == ["linguahub/tiny-sd"]
    assert ids(client, "search=nothing-of-that-kind") == []


def test_a_list_only_returns_the_requested_properties(client: TestClient):
    [short] = client.get("/api/models?search=first-yo").json()
    assert {"id", "modelId", "likes", "tags", "trendingScore"} <= short.keys() and not {
        "siblings",
        "sha",
    } & short.keys()
    [expanded] = client.get("/api/models?search=first-yo&expand=sha&expand=model-index").json()
    assert expanded.keys() == {"_id", "id", "modelId", "sha", "model-index"}
    [full] = client.get("/api/models?search=first-yo&full=True&cardData=True").json()
    assert {each["rfilename"] for each in full["siblings"]} >= {"README.md", "emoji-sd/config.json"}
    assert full["cardData"]["license"] == "apache-2.0"


def test_a_list_can_skip_results(client: TestClient):
    whole = ids(client, "author=ada&sort=createdAt")
    assert ids(client, "author=ada&sort=createdAt&skip=1") == whole[1:]
    assert ids(client, "author=ada&sort=createdAt&direction=-1") == whole


@pytest.mark.parametrize("query", ["apps=vllm", "inference=warm", "inference_provider=all", "pipeline_tag=fill-mask"])
def test_filters_by_unsupported_features_match_nothing(client: TestClient, query: str):
    assert ids(client, f"author=ada&{query}") == []


@pytest.mark.parametrize("query", ["expand=beauty", "direction=1", "num_parameters=large", "skip=-1", "sort=beauty"])
def test_invalid_list_parameters_are_refused(client: TestClient, query: str):
    assert client.get(f"/api/models?{query}").status_code == 400
    assert "error" in client.get(f"/api/models?{query}").json()


@pytest.mark.parametrize(
    "address",
    [
        "/papers/2412.01271.md", "/uploads", "/spaces/ada/x/resolve/main/a.txt", "/api/datasets/ada/x/leaderboard",
        "/api/models/ada/first-yo/xet-read-token/main", "/api/collections/ada/x", "/buckets/ada/x/resolve/a", "/api/jobs/ada",
    ],
)  # fmt: skip
def test_unsupported_paths_return_501_and_not_404(client: TestClient, address: str):
    response = client.get(address)
    assert (response.status_code, response.headers.get("x-error-code")) == (501, "NotImplemented")
    assert "not supported" in response.json()["error"]


def test_tags_are_listed_by_their_type(client: TestClient):
    found = client.get("/api/models-tags-by-type").json()
    assert {"type": "language", "id": "yo", "label": "Yoruba"} in found["language"]
    assert "license:apache-2.0" in [each["id"] for each in found["license"]]
    assert "base_model:linguahub/emoji-sd" in [each["id"] for each in found["base_model"]]


def test_a_download_counts_only_if_the_client_marks_it_as_one(client: TestClient, hub):
    before = hub.registry.get("ada/many").downloads
    path, agent = (
        "/ada/many/resolve/main/emoji-sd/config.json",
        {"user-agent": "unknown/None; hf_hub/2.4.0; python/3.11.7"},
    )
    client.get(path, headers=agent)
    assert hub.registry.get("ada/many").downloads == before
    client.get(path, headers={**agent, "x-hf-download-counter": "1"})
    assert hub.registry.get("ada/many").downloads == before + 1
    client.get(path, headers={"user-agent": "unknown/None; hf_hub/1.33.0; python/3.11.7"})
    assert hub.registry.get("ada/many").downloads == before + 2


def test_a_page_ends_before_its_repositories_have_too_many_files(client: TestClient, monkeypatch):
    whole = [each["id"] for each in client.get("/api/models?full=True&sort=createdAt&limit=1000").json()]
    monkeypatch.setattr(listing, "MAX_FILES", 40)
    found, pages, url = [], 0, "/api/models?full=True&sort=createdAt&limit=1000"
    while url:
        response = client.get(url)
        page = response.json()
        assert len(page) == 1 or sum(len(each["siblings"]) for each in page) <= 40
        pages += 1
        found += [each["id"] for each in page]
        url = response.links.get("next", {}).get("url", "")
    assert found == whole
    assert 2 < pages < len(whole)
    assert len(client.get("/api/models?limit=1000").json()) == len(whole)
