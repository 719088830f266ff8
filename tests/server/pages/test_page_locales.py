"""Every page in every language."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from server.pages import formatting
from server.site.locales import ENGLISH, LOCALES, find_locale, speaking

PAGES = (
    "/",
    "/?text=yoruba&kind=adapter",
    "/?text=zzzz",
    "/?lang=xx-nothing",
    "/?kind=%25s%3Cb%3E",
    "/linguahub/pea-many",
    "/linguahub/pea-many/scores",
    "/ada/first-yo",
    "/ada/first-yo/tree/main",
    "/ada/first-yo/tree/main/emoji-sd",
    "/ada/first-yo/blob/main/emoji-sd/model.safetensors",
    "/ada/first-yo/commits/main",
    "/ada/first-yo/commit/main",
    "/leaderboard",
    "/parity",
    "/languages",
    "/languages/yo",
    "/recommend?language=yo&base=emoji-sd",
    "/compare?artifact=ada/first-yo&artifact=ada/first-ar",
    "/bases",
    "/bases/emoji-sd",
    "/bases/nothing",
    "/methods",
    "/methods/mulan",
    "/benchmarks",
    "/benchmarks/emoji-generation",
    "/datasets",
    "/ada",
    "/try",
    "/login",
    "/nothing/here",
)
TEXT = re.compile(r"<script.*?</script>|<style.*?</style>|<pre.*?</pre>|<[^>]*>", re.DOTALL)


def page(client: TestClient, address: str, tag: str) -> str:
    response = client.get(address, headers={"Accept": "text/html", "Accept-Language": tag})
    assert response.status_code in {200, 400, 404}, (address, tag)
    return response.text


@pytest.mark.parametrize("locale", LOCALES, ids=lambda each: each.tag)
def test_every_page_renders_in_every_language(client: TestClient, locale):
    for address in PAGES:
        text = page(client, address, locale.tag)
        assert f'<html lang="{locale.tag}" dir="{locale.direction}">' in text, address
        assert not re.search(r"%\(\w+\)s|%%", TEXT.sub(" ", text)), address


def test_names_keep_their_own_language_and_direction_in_every_language(client: TestClient):
    for locale in LOCALES:
        text = page(client, "/languages", locale.tag)
        assert '<bdi class="own" lang="yo" dir="ltr">Èdè Yorùbá</bdi>' in text
        assert '<bdi class="own" lang="ar" dir="rtl">العربية</bdi>' in text


def test_names_of_languages_are_in_the_language_of_the_page(client: TestClient):
    assert "yoruba" in page(client, "/languages", "fr")
    assert "约鲁巴语" in page(client, "/languages", "zh")
    assert "اليوروبا" in page(client, "/languages", "ar")


@pytest.mark.parametrize(
    ("tag", "share", "count", "size", "day"),
    [
        ("en", "0.712", "1,234,567", "1.4 MB", "2026-11-03"),
        ("fr", "0,712", "1\u202f234\u202f567", "1,4 Mo", "3 novembre 2026"),
        ("hi", "0.712", "12,34,567", "1.4 MB", "3 नवंबर 2026"),
        ("zh", "0.712", "1,234,567", "1.4 MB", "2026年11月3日"),
    ],
)
def test_numbers_and_dates_are_written_as_in_the_language(tag: str, share: str, count: str, size: str, day: str):
    from datetime import UTC, datetime

    locale = find_locale(tag)
    assert locale is not None
    with speaking(locale):
        assert formatting.number(0.7123) == share
        assert formatting.grouped(1234567) == count
        assert formatting.size(1_400_000) == size
        assert formatting.day(datetime(2026, 11, 3, 12, tzinfo=UTC)) == day


def test_typed_text_is_neither_html_nor_a_format(client: TestClient):
    for locale in LOCALES:
        text = page(client, "/?kind=%25%28x%29s%3Cb%3E&text=%25d", locale.tag)
        assert "<b>" not in text


def test_english_pages_have_no_note_about_machine_translation(client: TestClient):
    assert 'class="machine-made"' not in page(client, "/", ENGLISH.tag)
    assert 'class="machine-made"' in page(client, "/", "yo")
