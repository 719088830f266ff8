"""The pages, as HTML."""

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
    assert (
        {"measured", "disputed", "reported"}
        >= set(re.findall(r'class="badge (\w+)"', text))
        >= {"measured", "disputed"}
    )


def test_scripts_from_right_to_left_run_from_right_to_left(client: TestClient):
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


def test_a_facet_link_narrows_the_list_and_a_second_click_widens_it(client: TestClient):
    text = client.get("/?owner=ada").text
    assert "/?owner=ada&amp;lang=yo" in text
    narrowed = client.get("/?owner=ada&lang=yo").text
    assert "2 artifacts" in narrowed
    assert 'href="/?owner=ada" aria-current="true"' in narrowed


def test_an_unknown_language_is_explained_beside_the_form(client: TestClient):
    answer = client.get("/?lang=Swahli")
    assert answer.status_code == 404
    assert 'value="Swahli"' in answer.text
    assert 'href="/?lang=Swahili"' in answer.text


def test_what_was_typed_is_shown_as_text_and_never_as_markup(client: TestClient):
    text = client.get("/", params={"text": '"><script>alert(1)</script>'}).text
    assert "<script>alert" not in text
    assert "No results." in text


def test_long_lists_are_paged(client: TestClient):
    text = client.get("/?owner=ada&limit=2&sort=name").text
    assert "1–2 of 3" in text
    assert 'rel="next" href="/?owner=ada&amp;limit=2&amp;sort=name&amp;offset=2"' in text
    assert 'rel="prev"' in client.get("/?owner=ada&limit=2&sort=name&offset=2").text


def test_an_artifact_shows_scores_files_variants_revisions_and_how_to_load_it(page: str, hub: LocalHub):
    older = hub.registry.revisions(ArtifactName("ada", "first-yo"))[-1]
    assert "R-precision@1" in page
    assert "hub evaluate emoji-generation, revision 1, 2 cores" in page
    assert "emoji-sd/model.safetensors" in page
    assert "2 tokens × 4" in page
    assert f"/ada/first-yo/tree/{commit_id(older.id)}" in page
    assert "load_pipeline(&#34;emoji-sd&#34;, adapter=&#34;ada/first-yo&#34;)" in page
    assert re.search(r'<img src="/ada/first-yo/resolve/[0-9a-f]{40}/sample.png"', page)


def test_a_card_cannot_bring_code_foreign_images_or_followed_links(page: str):
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert (
        "javascript:" not in re.sub(r"<[^>]*>[^<]*javascript:alert[^<]*", "", page) or 'href="javascript:' not in page
    )
    assert "example.org" not in page
    assert 'rel="nofollow noopener"' in page
    assert re.search(r'href="/ada/first-yo/resolve/[0-9a-f]{40}/emoji-sd/config.json"', page)


def test_a_disputed_score_says_why(client: TestClient):
    text = client.get("/ada/first-ar").text
    assert "nobody has seen the test set" in text


def test_a_module_whose_weights_nobody_keeps_says_how_to_make_them_and_not_how_to_load_it(client: TestClient):
    text = client.get("/linguahub/full-many").text
    assert "hub train full --base emoji-sd" in text.partition('id="scores"')[0]
    assert "load_pipeline" not in text.partition('id="scores"')[0]


def test_an_older_revision_has_its_own_page(client: TestClient, hub: LocalHub):
    older = hub.registry.revisions(ArtifactName("ada", "first-yo"))[-1]
    text = client.get(f"/ada/first-yo/tree/{commit_id(older.id)}").text
    assert "Show the newest" in text
    assert "This is revision 1" in text


@pytest.mark.parametrize(
    ("asked", "address"),
    [
        ("/first-yo", "/ada/first-yo"),
        ("/linguahub/tiny-emoji", "/datasets/linguahub/tiny-emoji"),
        ("/datasets/ada/many", "/ada/many"),
    ],
)
def test_every_artifact_has_one_address(client: TestClient, asked: str, address: str):
    answer = client.get(asked)
    assert answer.status_code == 307
    assert answer.headers["location"] == address


def test_every_artifact_of_the_hub_has_a_page(client: TestClient, hub: LocalHub):
    for name in hub.registry.names():
        assert client.get(f"/{name}", follow_redirects=True).status_code == 200, name


def test_people_get_a_page_and_programs_an_envelope_for_the_same_error(client: TestClient):
    for_people = client.get("/ada/nothing", headers={"Accept": "text/html,*/*"})
    assert for_people.status_code == 404
    assert "<h1>Not Found</h1>" in for_people.text
    for_programs = client.get("/ada/nothing", headers={"Accept": "*/*"})
    assert "no artifact is called `ada/nothing`" in for_programs.json()["error"]


def test_pages_allow_nothing_inline_and_nothing_from_elsewhere(client: TestClient, page: str):
    policy = client.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for text in (page, client.get("/").text):
        assert " style=" not in text
        assert not re.search(r"<script(?![^>]*src=)", text)
        assert not re.search(r'(?:src|href)="(?:https?:)?//[^"]*"[^>]*(?:stylesheet|script)', text)


def test_a_fault_of_ours_shows_no_traceback_and_no_folder(hub: LocalHub, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise RuntimeError("secret folder")

    monkeypatch.setattr(type(hub.registry), "find", fail)
    with TestClient(create_app(hub), raise_server_exceptions=False) as client:
        answer = client.get("/api/v1/search", headers={"X-Request-Id": "r-1"})
    assert answer.status_code == 500
    assert answer.json() == {"error": "Internal server error, logged as r-1."}
    assert answer.headers["x-request-id"] == "r-1"


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
def test_sizes_read_well(size_bytes: int, text: str):
    assert formatting.size(size_bytes) == text


def test_a_withdrawn_revision_says_so(client: TestClient):
    assert "yanked by its owner" in client.get("/bob/withdrawn/tree/1").text
    [entry] = re.findall(r'class="yanked".*?</li>', client.get("/bob/withdrawn").text, re.DOTALL)
    assert "yanked</span>" in entry


def test_a_card_without_weights_tells_the_size_of_those_elsewhere(client: TestClient):
    assert "139 MB (external)" in client.get("/linguahub/mulan-sd21-base").text
