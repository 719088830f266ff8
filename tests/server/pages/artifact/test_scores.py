"""The page with the scores of an artifact."""

from __future__ import annotations

import gzip
import re

import pytest
from starlette.testclient import TestClient

from hub.local import LocalHub
from hub.names import ArtifactName
from hub.records import Provenance
from hub.registry.scores.scores import published_scores
from server.pages.artifact.scores.score_rows import score_rows

MANY = "/linguahub/pea-many/scores"


@pytest.fixture(scope="module")
def page(client: TestClient) -> str:
    return client.get(MANY).text


def rows(text: str) -> list[str]:
    return re.findall(r'<tr class="(?:self-reported|reproduced|reported|disputed)">.*?</tr>', text, re.DOTALL)


def test_each_task_has_a_chart_with_a_row_for_every_language(page: str):
    assert re.findall(r'<h2 id="chart-\d+">([^<]+)', page) == [
        "R-precision@1 on emoji-generation, seen, emoji-sd",
        "R-precision@1 on emoji-generation, pairs, emoji-sd",
        *(
            f"R-precision@1 on emoji-generation-8-steps, {split}, emoji-sd"
            for split in ("combinations", "held-out", "seen")
        ),
    ]
    names = re.findall(r'<span class="chart-name"><bdi lang="(\w+)"', page)
    five = ["yo", "sw", "hi", "zh", "ar"]
    assert names == [*five, "en", *five, *five, *five, *five, "en"]


def test_a_chart_has_its_values_as_text_and_shows_the_translation_baseline(page: str, hub: LocalHub):
    translated = next(
        score.value
        for score in hub.registry.get("linguahub/translate-many").scores
        if (score.metric, score.language, score.split) == ("r_precision_at_1", "yo", "seen")
    )
    [first, *_] = re.findall(r'role="img" aria-label="(Yoruba[^"]+)"', page)
    assert re.fullmatch(
        rf"Yoruba: 0\.312 \(0\.180–0\.486\); base alone 0\.031; English prompts 0\.938; real images 0\.969; translated {translated:.3f}",
        first,
    )
    assert "prompts translated by translate-many" in page
    assert "The scores of pea-many are self-reported." in page


def test_a_translator_is_not_its_own_baseline(client: TestClient):
    assert "prompts translated by" not in client.get("/linguahub/translate-many/scores").text


def test_every_score_is_in_the_table_once_and_controls_are_beside_their_score(hub: LocalHub):
    artifact = hub.registry.get("linguahub/pea-many")
    listed = score_rows(artifact, published_scores(hub.registry.database, artifact.name))
    shown = [row.score for row in listed] + [score for row in listed for _, score in row.controls]
    assert sorted(map(repr, shown)) == sorted(map(repr, artifact.scores))
    first = listed[0]
    assert (first.score.metric, first.score.language) == ("r_precision_at_1", "yo")
    assert {label for label, _ in first.controls} == {"base alone", "English prompts", "real images"}


def test_a_claim_that_this_hub_has_reproduced_is_left_out(hub: LocalHub, client: TestClient):
    scores = published_scores(hub.registry.database, ArtifactName("ada", "first-yo"))
    assert {each.score.provenance for each in scores} == {Provenance.REPRODUCED, Provenance.SELF_REPORTED}
    assert "self-reported" not in client.get("/ada/first-yo/scores").text


def test_the_form_filters_the_table_and_its_state_is_in_the_address(client: TestClient):
    found = client.get(f"{MANY}?language=sw&metric=r_precision_at_10").text
    assert len(rows(found)) == 5
    assert all("Kiswahili" in row and "R-precision@10" in row for row in rows(found))
    assert '<option value="sw" selected>' in found
    assert "Clear filters" in found


def test_a_filter_without_matches_shows_a_note_and_no_markup_of_its_value(client: TestClient):
    found = client.get(f"{MANY}?metric=%3Cb%3Etyped").text
    assert "No scores match these filters." in found
    assert "typed" not in found


def test_pages_of_the_table_follow_each_other(client: TestClient):
    address, seen = MANY, []
    while address:
        text = client.get(address).text
        seen += rows(text)
        found = re.search(r'href="([^"]+)" rel="next"', text)
        address = found[1].replace("&amp;", "&") if found else ""
    assert len(seen) == len(set(seen)) == 106
    assert client.get(f"{MANY}?page=9").status_code == 400
    assert client.get(f"{MANY}?page=x").status_code == 400


def test_the_run_of_a_score_is_shown_on_demand(page: str):
    assert re.search(r"<details><summary>.*?</summary><dl>.*?hub evaluate pea-many", rows(page)[0], re.DOTALL)


def test_a_disputed_score_shows_the_reason(client: TestClient):
    text = client.get("/ada/first-ar/scores").text
    assert "the test set was never published" in text
    assert "<figure" not in text, "a chart shows only what is not in doubt"


def test_an_artifact_without_scores_has_no_tab_for_them_and_an_empty_page(client: TestClient):
    assert "/scores" not in client.get("/datasets/linguahub/tiny-emoji").text
    assert "No scores yet." in client.get("/datasets/linguahub/tiny-emoji/scores").text


def test_an_artifact_with_the_name_of_a_page_keeps_its_address(client: TestClient):
    assert client.get("/ada/scores").status_code == 404
    found = client.get("/Ada/First-yo/scores?language=yo")
    assert (found.status_code, found.headers["location"]) == (307, "/ada/first-yo/scores?language=yo")


@pytest.mark.parametrize("name", ["pea-many", "emoji-xlmr", "memory-ha-am-th-fr"])
def test_pages_are_small(client: TestClient, name: str):
    for end in ("", "/scores", "/tree/main", "/commits/main"):
        assert len(gzip.compress(client.get(f"/linguahub/{name}{end}").content)) < 20_000
