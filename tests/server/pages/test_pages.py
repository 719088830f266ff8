"""The HTML of the pages."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from hub.local import LocalHub
from hub.names import ArtifactName
from server import create_app
from server.http.urls import commit_id
from server.pages import formatting


@pytest.fixture
def page(client: TestClient) -> str:
    return client.get("/ada/first-yo", headers={"Accept": "text/html"}).text


def test_the_first_page_lists_artifacts_with_names_scores_and_labels(client: TestClient):
    text = client.get("/", params={"owner": "ada"}).text
    assert "3 artifacts" in text
    assert '<bdi lang="yo" dir="ltr">Èdè Yorùbá</bdi>' in text
    assert "0.610" in text
    assert "0.550–0.670" in text
    assert set(re.findall(r'class="badge (\w+)"', text)) == {"reproduced"}, "only what was reproduced has a badge"
    assert 'class="provenance disputed"' in text


def test_right_to_left_scripts_have_direction_rtl(client: TestClient):
    assert '<bdi lang="ar" dir="rtl">العربية</bdi>' in client.get("/", params={"lang": "ar", "owner": "ada"}).text


@pytest.mark.parametrize(
    ("tag", "direction"),
    [
        ("ar", "rtl"),
        ("ur", "rtl"),
        ("he", "rtl"),
        ("dv", "rtl"),
        ("nqo", "rtl"),
        ("yo", "ltr"),
        ("uz", "ltr"),
        ("az-Arab", "rtl"),
        ("mul", "ltr"),
    ],
)
def test_the_direction_of_a_language_follows_its_script(tag: str, direction: str):
    assert formatting.language(tag).direction == direction


def test_a_facet_link_applies_a_filter_and_a_second_click_removes_it(client: TestClient):
    text = client.get("/?owner=ada").text
    assert "/?owner=ada&amp;lang=yo" in text
    narrowed = client.get("/?owner=ada&lang=yo").text
    assert "2 artifacts" in narrowed
    assert 'href="/?owner=ada" aria-current="true"' in narrowed


def test_an_unknown_language_is_explained_beside_the_form(client: TestClient):
    response = client.get("/?lang=Swahli")
    assert response.status_code == 404
    assert 'value="Swahli"' in response.text
    assert 'href="/?lang=Swahili"' in response.text


def test_input_is_shown_as_text_and_never_as_markup(client: TestClient):
    text = client.get("/", params={"text": '"><script>alert(1)</script>'}).text
    assert "<script>alert" not in text
    assert "No results." in text


def test_long_lists_are_paged(client: TestClient):
    text = client.get("/?owner=ada&limit=2&sort=name").text
    assert "1–2 of 3" in text
    assert 'rel="next" href="/?owner=ada&amp;limit=2&amp;sort=name&amp;offset=2"' in text
    assert 'rel="prev"' in client.get("/?owner=ada&limit=2&sort=name&offset=2").text


def test_the_first_page_of_an_artifact_shows_images_usage_variants_and_its_best_score(page: str):
    assert "R-precision@1 0.610" in page
    assert "2 tokens × 4" in page
    assert re.search(r"load_pipeline\(&#34;emoji-sd&#34;, adapter=&#34;ada/first-yo@[0-9a-f]{12}&#34;\)", page)
    assert re.search(r'<img src="/ada/first-yo/resolve/[0-9a-f]{40}/sample.png"', page)
    tabs = re.search(r'<nav class="tabs".*?</nav>', page, re.DOTALL)
    assert tabs
    assert re.findall(r'href="([^"]+)"', tabs[0]) == [
        f"/ada/first-yo{end}" for end in ("", "/scores", "/tree/main", "/commits/main")
    ]


def test_an_artifact_page_shows_whether_its_licence_allows_commercial_use(page: str):
    assert "<dt>Commercial use</dt><dd>allowed</dd>" in page


def test_a_card_cannot_contain_code_external_images_or_followed_links(page: str):
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert (
        "javascript:" not in re.sub(r"<[^>]*>[^<]*javascript:alert[^<]*", "", page) or 'href="javascript:' not in page
    )
    assert "example.org" not in page
    assert 'rel="nofollow noopener"' in page
    assert re.search(r'href="/ada/first-yo/resolve/[0-9a-f]{40}/emoji-sd/config.json"', page)


def test_a_disputed_score_shows_the_reason(client: TestClient):
    text = client.get("/ada/first-ar/scores").text
    assert "the test set was never published" in text


def test_a_module_without_hosted_weights_shows_how_to_recreate_them(client: TestClient):
    text = client.get("/linguahub/full-many").text.partition('id="card"')[0]
    assert "hub train full --base emoji-sd" in text
    assert "load_pipeline" not in text


def test_an_older_revision_has_its_own_page(client: TestClient, hub: LocalHub):
    older = hub.registry.revisions(ArtifactName("ada", "first-yo"))[-1]
    text = client.get(f"/ada/first-yo/tree/{commit_id(older.id)}").text
    assert "Show the newest" in text
    assert "This is revision 1" in text


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("/first-yo", "/ada/first-yo"),
        ("/linguahub/tiny-emoji", "/datasets/linguahub/tiny-emoji"),
    ],
)
def test_every_artifact_has_one_canonical_url(client: TestClient, path: str, address: str):
    response = client.get(path)
    assert response.status_code == 307
    assert response.headers["location"] == address


def test_every_artifact_of_the_hub_has_a_page(client: TestClient, hub: LocalHub):
    for name in hub.registry.names():
        assert client.get(f"/{name}", follow_redirects=True).status_code == 200, name


def test_browsers_get_an_error_page_and_other_clients_json(client: TestClient):
    for_people = client.get("/ada/nothing", headers={"Accept": "text/html,*/*"})
    assert for_people.status_code == 404
    assert "<h1>Not Found</h1>" in for_people.text
    for_programs = client.get("/ada/nothing", headers={"Accept": "*/*"})
    assert "no artifact is called `ada/nothing`" in for_programs.json()["error"]


def test_the_content_security_policy_allows_no_inline_or_external_content(client: TestClient, page: str):
    policy = client.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for text in (page, client.get("/").text):
        assert " style=" not in text
        assert not re.search(r"<script(?![^>]*src=)", text)
        assert not re.search(r'(?:src|href)="(?:https?:)?//[^"]*"[^>]*(?:stylesheet|script)', text)


def test_an_internal_error_reveals_no_traceback_or_folder(hub: LocalHub, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise RuntimeError("secret folder")

    monkeypatch.setattr(type(hub.registry), "find", fail)
    with TestClient(create_app(hub), raise_server_exceptions=False) as client:
        response = client.get("/api/v1/search", headers={"X-Request-Id": "r-1"})
    assert response.status_code == 500
    assert response.json() == {"error": "Internal server error, logged as r-1."}
    assert response.headers["x-request-id"] == "r-1"


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (139_000_000, "139 MB"),
        (999_999, "1.0 MB"),
        (3_438_167_536, "3.4 GB"),
    ],
)
def test_sizes_are_formatted_for_readers(size_bytes: int, text: str):
    assert formatting.size(size_bytes) == text


def test_a_yanked_revision_has_a_notice(client: TestClient):
    assert "yanked by its owner" in client.get("/bob/withdrawn/tree/1").text
    history = client.get("/bob/withdrawn/commits/main").text
    [entry] = re.findall(r'class="yanked".*?</li>', history, re.DOTALL)
    assert "yanked</span>" in entry


def test_a_card_without_weights_shows_the_size_of_external_weights(client: TestClient):
    assert "139 MB (external)" in client.get("/linguahub/mulan-sd21-base").text
