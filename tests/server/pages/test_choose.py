"""Leaderboards, the parity map, languages and advice as pages, on the curated cards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pytest
from starlette.testclient import TestClient

from hub.local import LocalHub
from server import create_app
from server.pages import formatting
from server.pages.choose.parity import level_of


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with LocalHub.open() as hub, TestClient(create_app(hub), follow_redirects=False) as client:
        yield client


BOARD = "/leaderboard?benchmark=emoji-generation&metric=r_precision_at_1&provenance=self-reported"


def test_a_leaderboard_shows_each_ranking_with_its_conditions(client: TestClient):
    page = client.get(f"{BOARD}&language=Yoruba&base=emoji-sd").text
    assert "R-precision@1 on emoji-generation, split seen" in page
    assert "R-precision@1 on emoji-generation, split pairs" in page
    assert "<code>16706f8f</code>" in page
    board = client.get("/api/v1" + BOARD + "&language=yo&base=emoji-sd").json()["rankings"][0]
    assert f'href="{board["entries"][0]["record"]}"' in page


def test_in_one_language_a_leaderboard_has_quality_against_the_cost_of_training(client: TestClient):
    front = client.get(f"/api/v1{BOARD}&language=yo").json()["rankings"][0]["front"]
    points = front["points"]
    assert [each["seconds"] for each in points] == sorted(each["seconds"] for each in points)
    for each in points:
        beaten = any(other["seconds"] < each["seconds"] and other["value"] >= each["value"] for other in points)
        assert each["is_on_front"] != beaten
    page = client.get(f"{BOARD}&language=yo").text
    assert page.count('class="on"') >= sum(each["is_on_front"] for each in points)
    assert "memory-yo 0.875 after 72 s, on the front" in page


def test_without_a_language_a_leaderboard_leads_to_those_it_has(client: TestClient):
    page = client.get(BOARD).text
    assert "front-plot" not in page
    assert "provenance=self-reported&amp;base=&amp;language=yo" in page
    assert {each["front"] is None for each in client.get("/api/v1" + BOARD).json()["rankings"]} == {True}


def test_the_filters_that_were_typed_stay_beside_a_message(client: TestClient):
    response = client.get(f"{BOARD}&language=Yorubaa&base=<b>")
    assert response.status_code == 400
    assert 'value="Yorubaa"' in response.text
    assert "Did you mean" in response.text
    assert "<b>" not in response.text


def test_a_leaderboard_without_scores_lists_the_benchmarks(client: TestClient):
    page = client.get("/leaderboard?benchmark=emoji-generation&metric=r_precision_at_1&provenance=reproduced").text
    assert "No scores with these filters are reproduced." in page
    assert "R-precision@1 on emoji-generation, self-reported" in page


def test_without_a_provenance_a_leaderboard_has_the_strongest_that_its_scores_have(client: TestClient):
    page = client.get("/leaderboard?benchmark=emoji-generation&metric=r_precision_at_1&language=yo").text
    assert '<option value="self-reported" selected>' in page
    assert "memory-yo" in page


def test_the_parity_map_has_a_table_for_each_measured_base(client: TestClient):
    page = client.get("/parity").text
    assert page.count("<table>") == 2
    assert '<bdi lang="ar" dir="rtl">' in page
    assert 'href="/parity?base=sdxl"' in page


def test_a_base_without_parities_has_the_command_that_measures_them(client: TestClient):
    page = client.get("/parity?base=SDXL").text
    assert "No parity of this base is known yet." in page
    assert "hub evaluate sdxl --benchmark corpus-prompts" in page
    assert client.get("/parity?base=sdxll").status_code == 404


def test_languages_are_grouped_by_region_and_coloured_by_parity(client: TestClient):
    page = client.get("/languages").text
    assert all(f">{region} <span" in page for region in ("Western Africa", "Southern Asia", "Southern Europe"))
    western_africa = page.partition(">Western Africa <span")[2].partition("</section>")[0]
    listed = {each["tag"]: each for each in client.get("/api/v1/languages").json()["languages"]}
    assert f'href="/languages/yo" class="level-{level_of(listed["yo"]["parity"])}"' in western_africa
    assert 'href="/languages/sw"' not in western_africa
    assert page.count('<li><a href="/languages/') >= 105


def test_languages_are_grouped_by_script_on_request(client: TestClient):
    page = client.get("/languages?by=script").text
    assert all(f">{script} <span" in page for script in ("Latin", "Arabic", "Devanagari", "Other scripts"))
    assert '<a href="/languages?by=script" aria-current="true">' in page
    assert page.count('<li><a href="/languages/') == client.get("/languages").text.count('<li><a href="/languages/')


def test_an_unknown_grouping_is_refused_with_the_known_ones(client: TestClient):
    response = client.get("/languages?by=continent", headers={"accept": "text/html"})
    assert response.status_code == 400
    assert "region, script" in response.text


def test_page_and_json_have_the_same_languages_with_their_parity(client: TestClient):
    listed = {each["tag"]: each for each in client.get("/api/v1/languages").json()["languages"]}
    page = client.get("/languages").text
    assert all(f'href="/languages/{tag}"' in page for tag in listed if tag not in {"mul", "en"})
    assert listed["yo"]["region_name"] == "Western Africa"
    assert listed["yo"]["script"] == "Latn"
    assert 0.5 < listed["yo"]["parity"] < 1
    assert listed["mul"]["region"] == ""


@pytest.mark.parametrize("name", ["yo", "Yoruba", "yor"])
def test_a_language_has_its_parities_and_modules_under_any_of_its_names(client: TestClient, name: str):
    page = client.get(f"/languages/{name}").text
    assert "Èdè Yorùbá" in page
    assert 'href="/linguahub/memory-yo"' in page
    assert 'href="/recommend?language=yo"' in page


def test_a_language_has_prompts_to_try_and_images_of_its_best_module_that_has_some(client: TestClient):
    page = client.get("/languages/yo").text
    assert '<bdi lang="yo" dir="ltr">ọkàn pupa</bdi> <small class="faint">red heart</small>' in page
    assert 'class="pair"' in page
    assert "first the base alone, then with" in page
    assert 'class="pair"' not in client.get("/languages/fr").text


def test_a_language_shows_what_is_missing_and_the_cost_of_training_as_advice_does(client: TestClient):
    page = client.get("/languages/yo").text
    missing = page.partition('id="missing"')[2].partition("</section>")[0]
    assert "No module for this language on" in missing
    assert 'href="/benchmarks/multi30k"' in missing
    base = missing.partition("Train a module for ")[2].partition("<")[0]
    advised = client.get(f"/api/v1/recommend?language=yo&base={base}").json()["training"][0]
    assert f"<code>{advised['command']}</code>" in missing
    assert f'href="/methods/{advised["method"]}"' in missing
    assert advised["data"] in missing
    assert f"{formatting.duration(advised['device_seconds'])} on one {advised['device']}" in missing
    assert f"{formatting.dollars(advised['dollars'])} at $2" in missing


def test_a_base_with_a_module_for_the_language_is_not_missing(client: TestClient):
    page = client.get("/languages/yo").text
    assert "language=yo&amp;base=emoji-sd" not in page.partition('id="missing"')[2].partition("</section>")[0]


def test_an_unknown_language_is_not_found(client: TestClient):
    response = client.get("/languages/Yorubaa", headers={"accept": "text/html"})
    assert response.status_code == 404
    assert "Did you mean" in response.text


def test_the_form_answers_and_keeps_the_typed_values(client: TestClient):
    page = client.get(
        "/recommend?language=Yor%C3%B9b%C3%A1,+Swahili&base=sdxl&budget=1000&max_vram=24&need=culture"
    ).text
    assert 'value="Yorùbá, Swahili"' in page
    assert '<option value="culture" selected>' in page
    assert "No module for <code>sdxl</code> was trained on Yoruba and Swahili." in page
    assert "hub train altdiffusion --base sdxl --lang yo --lang sw" in page


def test_half_a_question_is_completed_by_a_link_or_a_hint(client: TestClient):
    of_language, of_base = (client.get(f"/recommend?{asked}").text for asked in ("lang=yo", "base=emoji-sd"))
    assert "Choose a base:" in of_language
    assert "Enter the languages of your prompts." in of_base
    link = re.search(r'href="(/recommend\?language=yo&amp;base=emoji-sd)"', of_language)
    assert link is not None
    assert "Ready to load" in client.get(unescape(link[1])).text


@pytest.mark.parametrize(
    ("asked", "said"),
    [("language=yo&base=sdxll", "no base is called"), ("language=Yorubaa&base=sdxl", "no language is called"),
     ("language=yo&base=sdxl&budget=much", "is not a number"), ("language=yo&base=sdxl&need=speed", "unknown need")],
)  # fmt: skip
def test_an_invalid_question_is_reported_beside_the_form(client: TestClient, asked: str, said: str):
    response = client.get(f"/recommend?{asked}")
    assert response.status_code in {400, 404}
    assert said in response.text.lower().replace("&#34;", "")
    assert 'value="yo' in response.text.lower()


@pytest.mark.parametrize(
    "path",
    [BOARD, "/parity", "/parity?base=emoji-sd", "/languages", "/languages/yo", "/recommend?lang=yo&base=emoji-sd"],
)
def test_pages_have_one_heading_and_labelled_tables_and_stay_small(client: TestClient, path: str):
    response = client.get(path)
    assert response.status_code == 200
    assert response.text.count("<h1>") == 1
    assert response.text.count('class="scroll"') == response.text.count(
        'class="scroll" tabindex="0" role="region" aria-label='
    )
    assert int(response.headers.get("content-length", 0)) < 60_000
