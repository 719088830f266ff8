"""What lists answer that no client asks for in its own words."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient


def ids(client: TestClient, query: str) -> list[str]:
    answer = client.get(f"/api/models?{query}")
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()]


def test_where_no_name_has_the_part_words_are_looked_for(client: TestClient):
    assert ids(client, "search=irst-y") == ["ada/first-yo"]
    assert ids(client, "search=Draws%20emoji%20from%20English") == ["linguahub/tiny-sd"]
    assert ids(client, "search=nothing-of-that-kind") == []


def test_a_list_shows_what_was_asked_for_and_no_more(client: TestClient):
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


def test_some_may_be_left_out_from_the_start(client: TestClient):
    whole = ids(client, "author=ada&sort=createdAt")
    assert ids(client, "author=ada&sort=createdAt&skip=1") == whole[1:]
    assert ids(client, "author=ada&sort=createdAt&direction=-1") == whole


@pytest.mark.parametrize("asked", ["apps=vllm", "inference=warm", "inference_provider=all", "pipeline_tag=fill-mask"])
def test_what_nothing_here_has_finds_nothing(client: TestClient, asked: str):
    assert ids(client, f"author=ada&{asked}") == []


@pytest.mark.parametrize("asked", ["expand=beauty", "direction=1", "num_parameters=large", "skip=-1", "sort=beauty"])
def test_what_cannot_be_is_refused(client: TestClient, asked: str):
    assert client.get(f"/api/models?{asked}").status_code == 400
    assert "error" in client.get(f"/api/models?{asked}").json()


@pytest.mark.parametrize(
    "address",
    [
        "/papers/2412.01271.md", "/uploads", "/spaces/ada/x/resolve/main/a.txt", "/api/datasets/ada/x/leaderboard",
        "/api/models/ada/first-yo/xet-read-token/main", "/api/collections/ada/x", "/buckets/ada/x/resolve/a", "/api/jobs/ada",
    ],
)  # fmt: skip
def test_what_is_not_served_is_never_merely_missing(client: TestClient, address: str):
    answer = client.get(address)
    assert (answer.status_code, answer.headers.get("x-error-code")) == (501, "NotImplemented")
    assert "not served here" in answer.json()["error"]


def test_tags_are_listed_by_their_type(client: TestClient):
    found = client.get("/api/models-tags-by-type").json()
    assert {"type": "language", "id": "yo", "label": "Yoruba"} in found["language"]
    assert "license:apache-2.0" in [each["id"] for each in found["license"]]
    assert "base_model:linguahub/emoji-sd" in [each["id"] for each in found["base_model"]]


def test_reading_that_a_new_client_does_not_call_a_download_is_not_counted(client: TestClient, hub):
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
