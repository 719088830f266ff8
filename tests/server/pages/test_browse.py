"""The page that searches and lists artifacts."""

from __future__ import annotations

import html
import re

from starlette.testclient import TestClient


def test_a_facet_takes_several_values_and_counts_what_another_one_adds(client: TestClient):
    text = client.get("/?owner=ada&lang=yo&kind=adapter").text
    assert 'href="/?owner=ada&amp;kind=adapter&amp;lang=yo&amp;lang=ar"' in text
    both = client.get("/?owner=ada&kind=adapter&lang=yo&lang=ar").text
    assert "3 artifacts" in both
    assert both.count('aria-label="Remove the filter') == 4


def test_a_search_keeps_the_filters_and_shows_how_it_was_understood(client: TestClient):
    text = client.get("/?text=yoruba+emoji-sd&kind=adapter&sort=name").text
    assert '<input type="hidden" name="kind" value="adapter">' in text
    assert '<input type="hidden" name="sort" value="name">' in text
    assert "language <strong>Yoruba</strong>, base <strong>emoji-sd</strong>" in text
    assert "text=%22yoruba+emoji-sd%22" in text


def test_an_empty_result_offers_a_correction_a_filter_to_remove_and_a_command(client: TestClient):
    misspelt = client.get("/?text=yorba").text
    assert 'Did you mean <a href="/?text=yoruba">yoruba</a>?' in misspelt
    narrow = client.get("/?lang=yo&base=taiyi-sd&kind=adapter").text
    assert re.search(r'<a href="/\?lang=yo&amp;kind=adapter">Without the base: \d+</a>', narrow)
    assert "<code>hub train mulan --base taiyi-sd --lang yo</code>" in narrow


def test_a_metric_without_reproduced_scores_leads_to_self_reported_ones(client: TestClient):
    for query in ("metric=r_precision_at_10&sort=metric", "score=emoji-generation:r_precision_at_10:reproduced:seen"):
        empty = client.get(f"/?{query}").text
        assert "Only reproduced scores were searched." in empty
        [(address, count)] = re.findall(r'<a href="([^"]+)">With self-reported scores: (\d+)</a>', empty)
        found = client.get(html.unescape(address)).text
        assert f"{count} artifacts<" in found
        assert "self-reported" in found
    assert "Only reproduced scores" not in client.get("/?text=yorba").text
    unclaimed = client.get("/?metric=r_precision_at_10&min=2").text
    assert "No results." in unclaimed
    assert "Only reproduced scores" not in unclaimed


def test_results_are_filtered_and_sorted_by_one_named_metric(client: TestClient):
    page = client.get("/").text
    scales = re.findall(r'<option value="([^":]+:[^"]+)"', page)
    assert "emoji-generation:r_precision_at_1:reproduced:seen" in scales
    address = "/?owner=ada&score=emoji-generation:r_precision_at_1:reproduced:seen&sort=metric"
    values = [float(value) for value in re.findall(r'class="value"><strong>([0-9.]+)', client.get(address).text)]
    assert len(values) > 1
    assert values == sorted(values, reverse=True)
    above = client.get(f"{address}&min={values[0]}").text
    assert "1 artifact<" in above
    assert f"R-precision@1 ≥ {values[0]:.3f}, seen, reproduced" in above
    everything = client.get("/?owner=ada&score=&min=0.5&max=&sort=metric")
    assert (everything.status_code, "3 artifacts" in everything.text) == (200, True)
    assert client.get("/?score=nonsense").status_code == 400
    assert client.get(f"{address}&min=high").status_code == 400


def test_an_artifact_with_images_shows_one_and_can_be_filtered_by(client: TestClient):
    text = client.get("/?owner=ada&has=images").text
    image = re.search(r'<img class="thumb" src="([^"]+)"', text)
    assert image is not None
    assert client.get(image[1]).headers["Content-Type"] == "image/png"
    assert 'aria-label="Remove the filter images"' in text
    with_images, all_of_them = (client.get("/api/v1/search", params=each).json() for each in ({"has": "images"}, {}))
    assert 0 < with_images["total"] < all_of_them["total"]


def test_the_api_returns_how_a_text_was_understood_and_what_to_change(client: TestClient):
    found = client.get("/api/v1/search", params={"text": "yoruba sd 1.5"}).json()
    assert (found["meaning"]["language"], found["meaning"]["base"]) == ("yo", "sd15")
    empty = client.get("/api/v1/search", params={"lang": "yo", "base": "taiyi-sd", "kind": "adapter"}).json()
    assert empty["without"]["base"] > 0
    assert client.get("/api/v1/search", params={"text": "yorba"}).json()["correction"] == "yoruba"
    repeated = client.get("/api/v1/search?kind=base&kind=dataset").json()
    assert set(repeated["facets"]["kind"]) == {"base", "dataset"}
    assert client.get("/api/v1/search?has=videos").status_code == 400
    assert client.get("/api/v1/search?" + "&".join(f"kind={number}" for number in range(30))).status_code == 400
