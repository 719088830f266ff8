"""`/api/v1/try`: which bases and modules a caller can use, and how a job is followed."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from hub.local import LocalHub
from server.app import create_app
from server.parts.try_it import api
from server.parts.try_it.part import TryIt
from tests.builders.server.people import ROOT

PROMPT = {"prompt": "ọkàn pupa", "language": "Yoruba", "modules": ["mulan-yo"], "seed": 7}


def start(client: TestClient, headers: dict[str, str] | None = None, **changes: Any) -> Any:
    return client.post("/api/v1/try", json={**PROMPT, **changes}, headers=headers)


def follow(client: TestClient, job: dict[str, Any]) -> dict[str, Any]:
    while job["state"] in {"waiting", "running"}:
        job = client.get(f"/api/v1/try/{job['id']}", params={"after": job["version"]}).json()
    return job


def token(hub: LocalHub, name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {hub.tokens.create(hub.accounts.get(name), 'read', ROOT)}"}


def test_a_job_generates_an_image_of_the_base_and_of_each_module(client: TestClient, hub: LocalHub):
    started = start(client)
    assert started.status_code == 202
    job = follow(client, started.json())
    assert (job["state"], job["language"], job["base"], job["seed"]) == ("done", "yo", "emoji-sd", 7)
    assert [(each["heading"], each["module"]) for each in job["columns"]] == [
        ("emoji-sd alone", ""), ("mulan-yo", "linguahub/mulan-yo"),
    ]  # fmt: skip
    assert job["columns"][1]["revision"] == hub.registry.get("mulan-yo").revision
    image = client.get(job["columns"][1]["image"])
    assert (image.headers["content-type"], image.content[:4]) == ("image/png", b"\x89PNG")
    assert "private" in image.headers["cache-control"]


def test_equal_requests_are_one_job(client: TestClient):
    first = start(client).json()
    assert start(client).json()["id"] == first["id"]
    assert start(client, seed=8).json()["id"] != first["id"]


def test_a_job_can_be_cancelled(client: TestClient):
    job = start(client, prompt="slow").json()
    assert client.delete(f"/api/v1/try/{job['id']}").json()["state"] == "cancelled"


def test_a_crash_is_told(client: TestClient):
    job = follow(client, start(client, prompt="crash").json())
    assert job["state"] == "failed"
    assert "stopped unexpectedly" in job["problem"]


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        ({"prompt": ""}, 400, "type a prompt first"),
        ({"prompt": "a" * 1000}, 400, "the limit is 400"),
        ({"prompt": "a\u0007"}, 400, "invisible character"),
        ({"prompt": "قلب"}, 400, "Arabic letters"),
        ({"language": "Yorubaa"}, 404, "Did you mean"),
        ({"base": "sd15"}, 400, "not a base that this server can run. Available: `emoji-sd`, `emoji-dit`"),
        ({"base": "x" * 5000}, 400, "not a base"),
        ({"modules": ["mulan-yoo"]}, 404, "no artifact is called `mulan-yoo`"),
        ({"modules": ["mulan-yo@nope"]}, 404, "nope"),
        ({"modules": ["mulan-yo-dit"]}, 400, "has no variant for `emoji-sd`"),
        ({"modules": ["emoji-sd"]}, 400, "not a language module"),
        ({"modules": ["full-many"]}, 400, "weights are not stored on this server"),
        ({"modules": ["memory-yo"]}, 400, "hub pull linguahub/multilingual-e5-small"),
        ({"modules": [], "raw": False}, 400, "at least one"),
        ({"modules": ["mulan-yo", "mulan", "pea-many", "bottleneck-many", "prompt-tuning-many"]}, 400, "the limit is 5"),
        ({"modules": ["../../etc"]}, 400, "invalid name"),
        ({"seed": -1}, 400, "seed"),
        ({"seed": 2**40}, 400, "seed"),
        ({"surprise": 1}, 400, "surprise"),
    ],
)  # fmt: skip
def test_a_wrong_request_is_one_line(client: TestClient, changes: dict[str, Any], status: int, message: str):
    response = start(client, **changes)
    assert (response.status_code, message in response.json()["error"]) == (status, True), response.json()


@pytest.mark.parametrize("path", ["/api/v1/try/nope", "/api/v1/try/nope/images/0", "/try/nope"])
def test_an_unknown_job_is_not_found(client: TestClient, path: str):
    response = client.get(path)
    assert response.status_code == 404
    assert "no longer available" in response.text


def test_an_image_of_a_column_that_does_not_exist_is_not_found(client: TestClient):
    job = follow(client, start(client).json())
    assert client.get(f"/api/v1/try/{job['id']}/images/2").status_code == 404
    assert client.get(f"/api/v1/try/{job['id']}/images/-1").status_code == 404


def test_a_private_module_is_an_unknown_name_to_others(client: TestClient, hub: LocalHub):
    for headers in (None, token(hub, "bob")):
        refused = start(client, headers, modules=["ada/secret-yo"])
        assert refused.status_code == 404
        assert refused.json()["error"].startswith("no artifact is called `ada/secret-yo`.")
    assert start(client, token(hub, "ada"), modules=["ada/secret-yo"]).status_code == 202


def test_a_gated_module_needs_permission(client: TestClient, hub: LocalHub):
    refused = start(client, token(hub, "bob"), modules=["ada/gated-yo"])
    assert (refused.status_code, "restricted" in refused.json()["error"]) == (403, True)
    assert start(client, token(hub, "ada"), modules=["ada/gated-yo"]).status_code == 202


def test_a_pinned_revision_is_used(client: TestClient, hub: LocalHub):
    pinned = hub.registry.get("mulan-yo").revision
    job = start(client, modules=[f"mulan-yo@{pinned[:8]}", "mulan-yo"]).json()
    assert [each["revision"] for each in job["columns"]] == ["", pinned]


def test_a_name_of_a_stand_in_selects_the_multilingual_module(client: TestClient):
    job = start(client, prompt="cœur", language="fr", modules=["mulan-fr"]).json()
    assert job["columns"][1]["module"] == "linguahub/mulan"


def test_without_the_libraries_the_error_explains_how_to_install_them(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(api, "find_spec", lambda name: None)
    refused = start(client)
    assert (refused.status_code, "pip install 'linguahub[load]'" in refused.json()["error"]) == (400, True)
    page = client.get("/try", headers={"accept": "text/html"})
    assert page.status_code == 200
    assert "pip install" in page.text


def test_the_error_of_a_server_without_a_queue_explains_how_to_start_it(hub: LocalHub, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("HUB_TRY_SOCKET", raising=False)
    with TestClient(create_app(hub, parts=(TryIt(),))) as client:
        refused = start(client)
        assert (refused.status_code, "hub serve" in refused.json()["error"]) == (501, True)
        page = client.get("/try")
        assert (page.status_code, "hub serve" in page.text) == (200, True)


def test_without_the_part_there_is_no_page(hub: LocalHub):
    with TestClient(create_app(hub, parts=())) as client:
        assert client.get("/try").status_code == 404
        assert start(client).status_code in {404, 501}


def test_bases_are_those_of_the_setting(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HUB_TRY_BASES", "emoji-dit, SD 1.5, no-such-base")
    assert start(client, modules=["mulan-yo-dit"]).json()["base"] == "emoji-dit"
    job = start(client, base="stable-diffusion-v1-5/stable-diffusion-v1-5", modules=[]).json()
    assert (job["base"], job["base_revision"]) == ("sd15", "")
    assert "Available: `emoji-dit`, `sd15`" in start(client, base="emoji-sd").json()["error"]


def test_the_log_names_neither_jobs_nor_prompts(client: TestClient, caplog: pytest.LogCaptureFixture):
    with caplog.at_level("INFO"):
        job = follow(client, start(client).json())
        client.get(job["share"])
    log = "".join(each.getMessage() for each in caplog.records if each.name.startswith("server."))
    assert "POST /api/v1/try" in log
    assert job["id"] not in log
    assert "pupa" not in log
