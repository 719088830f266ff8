"""The page that compares artifacts, on the curated cards and on some that accounts have published."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.commit import create
from hub.publish.publish import drain_outbox
from hub.registry import Registry
from tests.builders.artifacts import a_score
from tests.builders.server.people import ROOT

TWO = "/compare?artifact=memory-yo&artifact=linguahub/pea-many"


def text_of(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_facts_images_scores_and_lines_of_two_modules_are_side_by_side(client: TestClient):
    response = client.get(TWO)
    assert response.status_code == 200
    page = response.text
    assert len(response.content) < 60_000
    assert page.count("<h1>") == 1
    assert 'alt="With memory-yo: ọkàn pupa"' in page
    assert 'alt="By the base alone: ọkàn pupa"' in page
    said = text_of(page)
    assert "Encoder multilingual-e5-small + emoji-xlmr emoji-xlmr" in said
    assert "Languages of all Èdè Yorùbá" in said
    assert "prompts translated by translate-many" in said
    assert 'load_pipeline("emoji-sd", adapter="memory-yo@' in said


def test_page_and_api_agree(client: TestClient):
    found = client.get("/api/v1" + TWO).json()
    row = found["rows"][0]
    page = client.get(TWO).text
    for column in row["columns"]:
        assert f"<strong>{column['score']['value']:.3f}</strong>" in page
    assert row["best"] == "linguahub/memory-yo"
    assert '<span class="badge better">better</span>' in page
    assert {*row["baselines"]} == {"base alone", "English prompts", "translated"}


def test_another_task_is_chosen_in_the_address(client: TestClient):
    page = client.get(TWO).text
    value = re.findall(r'<option value="(r_precision_at_10:[^"]+:seen:[^"]+)"', page)[0]
    chosen = client.get(TWO, params={"artifact": ["memory-yo", "pea-many"], "protocol": html.unescape(value)}).text
    assert '<h3 id="chart">R-precision@10 on emoji-generation, seen, emoji-sd</h3>' in chosen


@pytest.mark.parametrize("typed", [[], ["", " "]])
def test_without_names_the_page_is_a_form(client: TestClient, typed: list[str]):
    response = client.get("/compare", params={"artifact": typed})
    assert response.status_code == 200
    assert response.text.count('name="artifact"') == 4
    assert 'role="alert"' not in response.text


def test_one_name_leads_to_others_of_its_language_and_base(client: TestClient):
    page = client.get("/compare?artifact=memory-yo").text
    assert "Choose one more to compare" in page
    assert "/compare?artifact=linguahub%2Fmemory-yo&amp;artifact=linguahub%2Fmulan-yo" in page


@pytest.mark.parametrize(
    ("typed", "status", "said"),
    [
        (
            ["memory-yo", "memory-yoo"],
            404,
            "No artifact is called “memory-yoo”. Did you mean memory-many , memory-zh ?",
        ),
        (["memory-yo", "LINGUAHUB/Memory-yo"], 400, "linguahub/memory-yo is given twice"),
        (["a", "b", "c", "d", "e"], 400, "a comparison takes 2 to 4 artifacts, not 5"),
        (["memory-yo", "<b>/x y"], 404, "no artifact is called <b>/x y"),
        (["memory-yoo"], 404, "No artifact is called “memory-yoo”. Did you mean memory-yo"),
    ],
)
def test_a_wrong_name_is_reported_and_all_typed_values_are_kept(client: TestClient, typed, status, said):
    response = client.get("/compare", params={"artifact": typed})
    assert response.status_code == status
    assert said.lower() in text_of(response.text).lower()
    for name in typed:
        assert f'value="{html.escape(name)}"' in response.text
    api = client.get("/api/v1/compare", params={"artifact": typed})
    assert api.status_code == (status if len(typed) > 1 else 400)


def test_a_private_artifact_is_answered_like_an_unknown_one(hub: LocalHub, client: TestClient):
    hidden = ArtifactName("eve", "hidden-module")
    create(hidden, hub.registry, hub.store, ROOT, private=True)
    try:
        for address in ("/compare", "/api/v1/compare"):
            answers = [
                client.get(address, params={"artifact": ["memory-yo", name]})
                for name in ("eve/hidden-module", "eve/hidden-modulf")
            ]
            assert [each.status_code for each in answers] == [404, 404]
            assert answers[0].text.replace("modulf", "module") == answers[1].text.replace("modulf", "module")
    finally:
        hub.registry.remove(hidden)
        drain_outbox(hub.registry, hub.store)


def test_a_former_name_and_another_name_of_a_base_are_found(client: TestClient):
    page = client.get("/compare", params={"artifact": ["emoji-sd", "runwayml/stable-diffusion-v1-5"]}).text
    assert '<a href="/linguahub/sd15">sd15</a>' in page
    assert "There are no comparable scores." in page


def test_artifacts_with_thousands_of_scores_are_compared_on_a_short_page(client: TestClient, monkeypatch):
    many = [a_score(0.5, metric=f"metric_{number}", benchmark=f"benchmark-{number}") for number in range(2000)]
    get = Registry.get
    monkeypatch.setattr(Registry, "get", lambda *given, **more: replace(get(*given, **more), scores=tuple(many)))
    response = client.get(TWO)
    assert "1,950 more protocols are not listed." in text_of(response.text)
    assert len(response.content) < 60_000


def test_artifacts_and_results_lead_to_the_comparison(client: TestClient):
    assert 'href="/compare?artifact=ada/first-yo"' in client.get("/ada/first-yo").text
    page = client.get("/?owner=ada").text
    assert 'name="artifact" value="ada/first-yo" form="compare"' in page
    assert '<form class="compare-bar" id="compare" action="/compare" method="get"' in page
