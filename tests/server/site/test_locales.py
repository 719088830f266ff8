"""The language of a page: the visitor's choice, else the browser's preference, else English."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from server.site.locales import ENGLISH, LOCALES, accepted_locale, current_locale, find_locale, speaking
from server.site.translation import gettext, is_machine_made, ngettext
from tests.builders.server.published import client, endpoint, hub

__all__ = ["client", "endpoint", "hub"]

PAGE = {"Accept": "text/html"}


@pytest.fixture(autouse=True)
def _without_cookies(client: TestClient):
    client.cookies.clear()


@pytest.mark.parametrize(
    ("header", "tag"),
    [
        ("yo", "yo"),
        ("fr-CA,fr;q=0.9,en;q=0.8", "fr"),
        ("de-DE,de;q=0.9,sw;q=0.8,en;q=0.7", "sw"),
        ("en-GB,en;q=0.9,fr;q=0.8", "en"),
        ("en;q=0.2, AR-EG ; q=0.5", "ar"),
        ("zh-Hant-TW", "zh"),
        ("fr;q=0, hi;q=0.1", "hi"),
        ("*", "en"),
        ("tlh", "en"),
        ("", "en"),
    ],
)
def test_the_browser_s_preferred_language_is_used(header: str, tag: str):
    assert accepted_locale(header).tag == tag


@pytest.mark.parametrize(
    "header",
    [
        "yo;q=nan, fr;q=2",
        "fr;q=1e9",
        ";;;,,,",
        "../../etc/passwd",
        "<script>alert(1)</script>",
        "fr\x00",
        "é",
        "y" * 100_000,
        ",".join(["aa"] * 50_000),
        "fr;q=" + "0" * 5000,
    ],
)
def test_an_invalid_header_selects_english(client: TestClient, header: str):
    response = client.get("/", headers={**PAGE, "Accept-Language": header.encode("latin-1")})
    assert response.status_code == 200
    assert response.headers["Content-Language"] == "en"


def test_a_page_is_in_the_language_of_the_visitor_and_caches_keep_it_apart(client: TestClient):
    response = client.get("/", headers={**PAGE, "Accept-Language": "yo"})
    assert '<html lang="yo" dir="ltr">' in response.text
    assert "Àwọn èdè" in response.text
    assert response.headers["Content-Language"] == "yo"
    vary = {each.strip() for each in response.headers["Vary"].split(",")}
    assert vary >= {"Accept", "Accept-Language", "Cookie"}
    assert "no-cache" in response.headers["Cache-Control"]
    assert '<html lang="en" dir="ltr">' in client.get("/", headers=PAGE).text


def test_arabic_pages_are_read_from_right_to_left(client: TestClient):
    page = client.get("/", headers={**PAGE, "Accept-Language": "ar"}).text
    assert '<html lang="ar" dir="rtl">' in page


def test_an_error_page_is_in_the_language_of_the_visitor_and_its_message_is_marked_as_english(client: TestClient):
    response = client.get("/ada/nothing", headers={**PAGE, "Accept-Language": "ar"})
    assert response.status_code == 404
    assert '<html lang="ar" dir="rtl">' in response.text
    assert re.search(r'<bdi lang="en" dir="ltr">No artifact is called', response.text)


def test_errors_of_the_api_are_english(client: TestClient):
    response = client.get("/api/v1/artifacts/ada/nothing", headers={"Accept-Language": "ar"})
    assert response.json()["error"].startswith("no artifact is called")


def test_a_choice_lasts_and_counts_more_than_the_browser_s_languages(client: TestClient):
    answer = client.post("/settings/locale", data={"locale": "fr", "next": "/languages"}, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/languages"
    assert "Max-Age=31536000" in answer.headers["Set-Cookie"]
    page = client.get("/", headers={**PAGE, "Accept-Language": "yo"}).text
    assert '<html lang="fr"' in page
    assert 'value="fr" lang="fr" dir="ltr" aria-current="true"' in page


def test_an_unknown_choice_is_refused_and_an_unknown_cookie_ignored(client: TestClient):
    answer = client.post("/settings/locale", data={"locale": "tlh"})
    assert answer.status_code == 400
    assert "choose one of `en`, `yo`" in answer.json()["error"]
    client.cookies.set("linguahub-locale", "../../etc/passwd")
    assert client.get("/", headers={**PAGE, "Accept-Language": "sw"}).headers["Content-Language"] == "sw"


@pytest.mark.parametrize("target", ["https://example.org/", "//example.org", "/\\example.org", "javascript:alert(1)"])
def test_a_choice_returns_only_to_pages_of_this_server(client: TestClient, target: str):
    answer = client.post("/settings/locale", data={"locale": "fr", "next": target}, follow_redirects=False)
    assert answer.headers["Location"] == "/"


def test_the_parameters_of_the_page_are_kept_as_the_browser_reports_them(client: TestClient):
    for referer, location in (
        (f"{client.base_url}/?text=yoruba", "/?text=yoruba"),
        (f"{client.base_url}/leaderboard?metric=x", "/"),
        ("https://[", "/"),
        ("", "/"),
    ):
        answer = client.post(
            "/settings/locale", data={"locale": "fr", "next": "/"}, headers={"Referer": referer}, follow_redirects=False
        )
        assert answer.headers["Location"] == location


def test_other_sites_cannot_choose(client: TestClient):
    answer = client.post("/settings/locale", data={"locale": "fr"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


def test_every_page_offers_all_languages_and_returns_to_itself(client: TestClient):
    page = client.get("/?text=yoruba", headers=PAGE).text
    for each in LOCALES:
        assert f'value="{each.tag}" lang="{each.tag}" dir="{each.direction}"' in page
    assert '<input type="hidden" name="next" value="/">' in page


def test_pages_show_a_note_on_machine_translation_until_all_texts_were_reviewed():
    assert not is_machine_made()
    for each in LOCALES:
        with speaking(each):
            assert is_machine_made() == (each is not ENGLISH)


def test_a_text_without_a_translation_stays_english():
    yoruba = find_locale("yo")
    assert yoruba is not None
    with speaking(yoruba):
        assert gettext("A text that no page has, %(name)s", name="ada") == "A text that no page has, ada"
        assert ngettext("%(num)s thing", "%(num)s things", 2) == "2 things"
    assert current_locale() is ENGLISH
