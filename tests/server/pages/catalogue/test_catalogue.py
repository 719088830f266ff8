"""Pages of bases, methods, benchmarks, data sets and owners, on the curated cards."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from hub.local import LocalHub
from server import create_app
from server.pages.choose.parity import level_of

HTML = {"accept": "text/html"}
VIEWER = "/datasets/linguahub/emoji/viewer"
MAX_PAGE = 60_000
"""Bytes of a page without images, compressed."""


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with LocalHub.open() as hub, TestClient(create_app(hub), follow_redirects=False, headers=HTML) as client:
        yield client


@pytest.mark.parametrize(
    "path",
    [
        "/bases", "/bases/sd15", "/bases/emoji-sd", "/methods", "/methods/mulan", "/methods/gluegen", "/benchmarks",
        "/benchmarks/emoji-generation", "/benchmarks/cifar10", "/datasets", f"{VIEWER}?lang=ar", "/linguahub",
    ],
)  # fmt: skip
def test_every_page_is_small_and_has_one_heading_and_no_raw_markup(client: TestClient, path: str):
    response = client.get(path)
    assert response.status_code == 200
    assert len(gzip.compress(response.content)) < MAX_PAGE
    assert response.text.count("<h1") == 1
    words = re.sub(r"<[^>]*>", " ", re.sub(r"<(pre|code).*?</\1>", "", response.text, flags=re.DOTALL))
    assert "`" not in words
    assert "None" not in words


@pytest.mark.parametrize(
    "name", ["SD 1.5", "SD15", "runwayml/stable-diffusion-v1-5", "linguahub/sd15", "Stable%20Diffusion%201.5"]
)
def test_every_spelling_of_a_base_redirects_to_one_address(client: TestClient, name: str):
    response = client.get(f"/bases/{name}")
    assert (response.status_code, response.headers["location"]) == (307, "/bases/sd15")


def test_a_base_shows_its_modules_by_language_and_costs(client: TestClient):
    page = client.get("/bases/emoji-sd").text
    row = page.partition('href="/?base=emoji-sd&amp;lang=yo"')[2].partition("</li>")[0]
    found = re.search(r'class="level-(\d)".*>(\d+)%, self-reported<', row, re.DOTALL)
    assert found is not None
    assert int(found[1]) == level_of(int(found[2]) / 100)
    assert '<bdi class="own" lang="ar" dir="rtl">' in page
    costs = client.get("/bases/sd15").text
    assert "hub train METHOD --base sd15 --lang yo --pairs 1000000 --dry-run, counted" in costs
    assert "python -m benchmarks.costs, counted" in costs
    assert "hub evaluate sd15 --benchmark corpus-prompts" in costs


def test_bases_of_one_family_are_listed_alone(client: TestClient):
    page = client.get("/bases?family=SDXL").text
    assert 'href="/bases/sdxl"' in page
    assert 'href="/bases/sd15"' not in page


@pytest.mark.parametrize(
    ("path", "near", "listing"),
    [
        ("/bases/sdxll", "/bases/sdxl", "/bases"), ("/methods/mulann", "/methods/mulan", "/methods"),
        ("/benchmarks/xtd11", "/benchmarks/xtd10", "/benchmarks"),
    ],
)  # fmt: skip
def test_an_unknown_name_gives_the_nearest_and_the_list(client: TestClient, path: str, near: str, listing: str):
    response = client.get(path)
    assert response.status_code == 404
    assert f'href="{near}"' in response.text
    assert f'href="{listing}">All ' in response.text


def test_an_unknown_name_is_shown_as_text(client: TestClient):
    response = client.get("/methods/%3Cb%3Ex")
    assert response.status_code == 404
    assert "<b>x" not in response.text


def test_a_module_is_not_a_base(client: TestClient):
    assert client.get("/bases/mulan-yo").status_code == 404


def test_a_method_has_a_diagram_of_its_parts_for_wide_and_narrow_screens(client: TestClient):
    page = client.get("/methods/mulan").text
    assert page.count('<svg class="diagram') == 2
    for drawing in re.findall(r'<svg class="diagram.*?</svg>', page, re.DOTALL):
        boxes = [
            tuple(map(float, each))
            for each in re.findall(
                r'<rect class="\w+" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', drawing
            )
        ]
        width, height = map(float, re.search(r'viewBox="-2 -2 ([\d.]+) ([\d.]+)"', drawing).groups())
        assert len(boxes) == 8, (
            "prompt, encoder, adapter, denoiser, image, loss, and the English meaning with what reads it"
        )
        assert all(x + w <= width and y + h <= height for x, y, w, h in boxes)
        overlaps = [
            (one, two)
            for number, one in enumerate(boxes)
            for two in boxes[:number]
            if one[0] < two[0] + two[2]
            and two[0] < one[0] + one[2]
            and one[1] < two[1] + two[3]
            and two[1] < one[1] + one[3]
        ]
        assert overlaps == []
    assert "multilingual encoder (frozen) → adapter (trained) → denoiser (frozen)" in page
    assert "https://arxiv.org/abs/2412.01271" in page
    assert "hub train mulan --base emoji-sd --lang yo" in page


def test_names_of_methods_ignore_case(client: TestClient):
    assert client.get("/methods/MuLan").headers["location"] == "/methods/mulan"
    assert client.get("/benchmarks/XTD10").headers["location"] == "/benchmarks/xtd10"


def test_a_benchmark_names_data_languages_direction_and_the_best(client: TestClient):
    page = client.get("/benchmarks/emoji-generation").text
    assert "16706f8f05e1" in page
    assert (
        'href="/leaderboard?benchmark=emoji-generation&amp;metric=r_precision_at_1&amp;provenance=self-reported"'
        in page
    )
    assert "Fréchet distance" in page
    assert "<td>lower</td>" in page
    assert (
        client.get(
            "/leaderboard?benchmark=emoji-generation&metric=r_precision_at_1&provenance=self-reported"
        ).status_code
        == 200
    )


def test_a_benchmark_that_only_scores_name_has_a_note(client: TestClient):
    assert "does not support this benchmark here" in client.get("/benchmarks/study-efficiency").text


def test_data_sets_lead_to_their_images(client: TestClient):
    page = client.get("/datasets").text
    assert f'href="{VIEWER}"' in page
    assert page.count(".webp") == 16
    assert f'href="{VIEWER}"' in client.get("/datasets/linguahub/emoji").text
    assert "/viewer" not in client.get("/linguahub/mulan-yo").text


@pytest.mark.parametrize("language", ["ha", "Hausa"])
def test_names_are_shown_in_the_chosen_language(client: TestClient, language: str):
    page = client.get(f"{VIEWER}?lang={language}&text=giwa").text
    assert '<bdi lang="ha" dir="ltr">giwa</bdi>' in page
    assert 'download="1f418.webp"' in page
    assert '<option value="ha" selected>' in page
    assert '<bdi lang="ar" dir="rtl">فيل</bdi>' in client.get(f"{VIEWER}?lang=ar&text=elephant").text


def test_a_split_that_is_kept_for_evaluation_is_named(client: TestClient):
    page = client.get(f"{VIEWER}?lang=ha&split=pairs").text
    assert "Names of this split are used for evaluation only" in page
    assert page.count('<span class="split">pairs</span>') == 60
    rows = client.get("/api/v1/artifacts/datasets/linguahub/emoji/rows?lang=ha&split=pairs&limit=60").json()
    assert f"{rows['total']} names in" in page
    assert [each["name"] for each in rows["rows"]] == re.findall(r'class="name"><bdi[^>]*>([^<]*)<', page)


def test_an_image_is_cached_forever_and_served_only_for_the_newest_revision(client: TestClient):
    (row,) = client.get("/api/v1/artifacts/datasets/linguahub/emoji/rows?lang=ha&text=giwa&limit=1").json()["rows"]
    response = client.get(row["image"])
    assert response.headers["content-type"] == "image/webp"
    assert "immutable" in response.headers["cache-control"]
    assert client.get(re.sub(r"viewer/[0-9a-f]+/", "viewer/0000000/", row["image"])).status_code == 404
    assert client.get(row["image"].replace("1f418", "..%2f1f418")).status_code == 404


@pytest.mark.parametrize(
    "wrong", ["lang=Hausaa", "lang=tlh", "lang=ha&offset=-1", "lang=ha&offset=99999999", "lang=" + "x" * 5000]
)
def test_an_invalid_filter_is_reported_beside_the_form(client: TestClient, wrong: str):
    response = client.get(f"{VIEWER}?{wrong}")
    assert response.status_code == 400
    assert 'role="alert"' in response.text
    assert '<form class="form viewer-form"' in response.text


def test_a_filter_without_rows_links_to_all_rows(client: TestClient):
    page = client.get(f"{VIEWER}?lang=ha&text=zzzz&split=%3Cb%3E").text
    assert "No names match these filters." in page
    assert "<b>" not in page


def test_a_data_set_without_such_tables_has_no_viewer(client: TestClient):
    assert client.get("/linguahub/mulan-yo/viewer").status_code == 404
    assert client.get("/api/v1/artifacts/linguahub/mulan-yo/rows").status_code == 400


def test_a_name_without_its_prefix_redirects_to_the_data_set(client: TestClient):
    assert client.get("/linguahub/emoji/viewer?lang=ha").headers["location"] == f"{VIEWER}?lang=ha"


def test_an_owner_has_artifacts_by_kind_and_a_feed(client: TestClient):
    page = client.get("/linguahub").text
    assert re.search(r'>Adapters <small class="faint">\d+</small></h2>', page)
    assert 'href="/?owner=linguahub&amp;kind=adapter"' in page
    assert '<link rel="alternate" type="application/atom+xml" href="/feed.atom?owner=linguahub"' in page
    assert client.get("/feed.atom?owner=linguahub").status_code == 200


def test_names_of_one_segment_still_lead_to_artifacts(client: TestClient):
    assert client.get("/mulan-yo").headers["location"] == "/linguahub/mulan-yo"
    assert client.get("/mulan-fr").headers["location"] == "/?text=mulan-fr"
    assert client.get("/nobody-at-all").status_code == 404
