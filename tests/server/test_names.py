"""Pages and API accept the common names of bases, and show which module a name such as `mulan-fr` refers to."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tests.builders.server.published import client, hub

__all__ = ["client", "hub"]
HTML = {"Accept": "text/html"}
ZERO_SHOT = "zero-shot: trained on English, no French score yet"


@pytest.mark.parametrize("name", ["sd 1.5", "runwayml/stable-diffusion-v1-5", "SD15"])
def test_a_filter_takes_any_name_of_a_base(client: TestClient, name: str):
    expected, found = (client.get("/api/v1/search", params={"base": each}).json() for each in ("sd15", name))
    assert expected["total"] > 5
    assert [each["name"] for each in found["items"]] == [each["name"] for each in expected["items"]]
    page = client.get("/", params={"base": name}, headers=HTML).text
    assert 'aria-label="Remove the filter sd15"' in page


def test_an_artifact_is_found_by_any_name_of_a_base(client: TestClient):
    for name in ("SD-1.5", "runwayml/stable-diffusion-v1-5"):
        body = client.get(f"/api/v1/artifacts/{name}", follow_redirects=True).json()
        assert (body["owner"], body["name"], body["kind"]) == ("linguahub", "sd15", "base")
        assert "runwayml/stable-diffusion-v1-5" in body["aliases"]
        assert "runwayml/stable-diffusion-v1-5" in client.get(f"/{name}", headers=HTML, follow_redirects=True).text
    assert client.get("/api/v1/artifacts/someone/stable-diffusion-v1-5").status_code == 404
    assert client.get("/api/models/runwayml/stable-diffusion-v1-5").status_code in {401, 404}, "another hub's protocol"


def test_an_artifact_shows_the_stand_ins_of_its_name_on_other_bases(client: TestClient):
    body = client.get("/api/v1/artifacts/linguahub/mulan-yo").json()
    assert {each["base"]: each["module"] for each in body["stand_ins"]} == {
        "sd15": "linguahub/mulan-sd15-aesthetic", "sd21": "linguahub/mulan-sd21-aesthetic", "sdxl": "linguahub/mulan-sdxl-aesthetic",
        "pixart-alpha": "linguahub/mulan-pixart", "emoji-dit": "linguahub/mulan-yo-dit",
    }  # fmt: skip
    page = client.get("/linguahub/mulan-yo", headers=HTML).text
    assert "mulan-sd15-aesthetic (zero-shot: trained on English, no Yoruba score yet)" in page
    assert "English; other languages are zero-shot" in client.get("/linguahub/mulan-sd15-aesthetic", headers=HTML).text


def test_a_name_that_no_artifact_has_leads_to_its_modules(client: TestClient):
    body = client.get("/api/v1/search", params={"text": "mulan-fr"}).json()
    assert (body["total"], len(body["stand_ins"])) == (0, 5)
    page = client.get("/mulan-fr", headers=HTML, follow_redirects=True)
    assert str(page.url).endswith("/?text=mulan-fr")
    assert f"mulan-sdxl-aesthetic ({ZERO_SHOT})" in page.text
    assert client.get("/mulan-xx", headers=HTML).status_code == 404


def test_a_list_for_a_language_marks_modules_that_were_not_trained_on_it(client: TestClient):
    page = client.get("/", params={"lang": "fr", "base": "sdxl"}, headers=HTML).text
    assert ZERO_SHOT.removeprefix("z") in page
