"""The page `/try` without a browser: its forms, its addresses, and private modules."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from hub.local import LocalHub
from server.app import create_app
from server.parts.try_it.part import TryIt
from tests.builders.hub import a_hub
from tests.builders.server.people import Browser

FIELDS = {
    "lang": "yo",
    "base": "emoji-sd",
    "prompt": "ọkàn <pupa>",
    "seed": "7",
    "raw": "1",
    "adapter:linguahub/mulan-yo": "1",
}


def checked(page: str) -> set[str]:
    return set(re.findall(r'name="(raw|adapter:[^"]+)" value="1" checked', page))


def test_the_page_offers_examples_keys_and_the_best_modules(browser: Browser):
    page = browser.get("/try?lang=yo").text
    assert '<textarea name="prompt"' in page
    assert 'lang="yo" dir="auto"' in page
    assert 'data-example="ọkàn pupa"' in page
    assert 'data-key="ọ"' in page
    assert checked(page) == {"raw", "adapter:linguahub/mulan-yo"}
    assert "hub pull linguahub/multilingual-e5-small" in page


def test_names_in_another_script_have_their_language_and_direction(browser: Browser):
    page = browser.get("/try?lang=ar").text
    assert '<bdi lang="ar" dir="rtl">العربية</bdi>' in page
    assert re.search(r'class="chip" [^>]*lang="ar" dir="rtl"', page)


def test_the_language_of_the_browser_is_proposed(browser: Browser):
    browser.headers["accept-language"] = "en-GB, sw-KE;q=0.8, fr"
    assert '<option value="sw" selected>' in browser.get("/try").text


def test_a_form_redirects_to_the_job_and_its_page_reloads_until_it_is_done(browser: Browser):
    response = browser.send("/try", "/try", FIELDS | {"prompt": "slow"})
    assert response.status_code == 303
    target = response.headers["location"]
    running = browser.get(target).text
    assert '<noscript><meta http-equiv="refresh"' in running
    browser.client.delete(f"/api/v1{target.partition('?')[0]}")
    cancelled = browser.get(target).text
    assert 'http-equiv="refresh"' not in cancelled
    assert "Cancelled." in cancelled


def test_a_finished_job_shows_its_images_and_a_link_to_share(browser: Browser):
    target = browser.send("/try", "/try", FIELDS).headers["location"]
    page = browser.get(target).text
    while 'http-equiv="refresh"' in page:
        page = browser.get(target).text
    assert len(re.findall(r'<img src="/api/v1/try/[^"]+/images/\d"', page)) == 2
    assert "read as “column 1”" in page
    shared = browser.get(unescape(re.search(r'id="share" href="([^"]+)"', page)[1])).text  # type: ignore[index]
    assert "ọkàn &lt;pupa&gt;</textarea>" in shared
    assert checked(shared) == {"raw", "adapter:linguahub/mulan-yo"}
    assert 'value="7"' in shared
    assert "data-starts" in shared


def test_a_job_that_is_gone_leaves_the_typed_prompt(browser: Browser):
    target = browser.send("/try", "/try", FIELDS).headers["location"]
    page = browser.get(target.replace(target.split("/")[2].partition("?")[0], "gone"))
    assert page.status_code == 404
    assert "ọkàn &lt;pupa&gt;</textarea>" in page.text
    assert "no longer available" in page.text
    assert "data-starts" not in page.text


def test_a_problem_is_shown_beside_the_typed_prompt(browser: Browser):
    page = browser.send("/try", "/try", FIELDS | {"prompt": "قلب", "seed": "12"})
    assert page.status_code == 400
    assert "Arabic letters" in page.text
    assert "قلب</textarea>" in page.text
    assert 'value="12"' in page.text
    assert checked(page.text) == {"raw", "adapter:linguahub/mulan-yo"}


def test_a_script_gets_json_from_the_same_form(browser: Browser):
    started = browser.send("/try", "/try", FIELDS, accept="application/json")
    assert (started.status_code, started.json()["prompt"]) == (202, "ọkàn <pupa>")
    refused = browser.send("/try", "/try", FIELDS | {"seed": "x"}, accept="application/json")
    assert (refused.status_code, "is not a seed" in refused.json()["error"]) == (400, True)


def test_submitting_twice_is_one_job(browser: Browser):
    csrf_token = browser.csrf_token("/try")
    first, second = (browser.post("/try", FIELDS | {"form": csrf_token}).headers["location"] for _ in range(2))
    assert first == second


def test_an_expired_form_is_shown_again_with_the_typed_prompt(browser: Browser):
    page = browser.post("/try", FIELDS | {"form": "old"})
    assert page.status_code == 403
    assert "expired" in page.text
    assert "ọkàn &lt;pupa&gt;</textarea>" in page.text
    token = re.search(r'name="form" value="([\w-]+)"', page.text)[1]  # type: ignore[index]
    assert browser.post("/try", FIELDS | {"form": token}).status_code == 303


def test_a_form_of_another_site_starts_nothing(browser: Browser):
    refused = browser.send("/try", "/try", FIELDS, sec_fetch_site="cross-site")
    assert refused.status_code == 403
    assert "location" not in refused.headers


def test_the_button_that_updates_the_choices_keeps_the_typed_prompt(browser: Browser):
    response = browser.send("/try", "/try", FIELDS | {"lang": "sw", "update": "1"})
    assert response.status_code == 303
    page = browser.get(response.headers["location"]).text
    assert "ọkàn &lt;pupa&gt;</textarea>" in page
    assert checked(page) == {"raw", "adapter:linguahub/mulan-sw"} or "adapter:linguahub/mulan-sw" not in page
    assert "data-starts" not in page


def test_an_address_with_a_problem_reports_it_and_keeps_the_rest(browser: Browser):
    for query, status in (("lang=xx&prompt=aja", 404), ("base=sd15&prompt=aja", 400)):
        page = browser.get(f"/try?{query}")
        assert (page.status_code, "aja</textarea>" in page.text) == (status, True)
        assert '<div class="problem" id="problem" role="alert"><p>' in page.text


def test_private_modules_are_listed_for_users_who_can_read_them(browse: Callable[[], Browser], hub: LocalHub):
    stranger, owner = browse(), browse()
    owner.enter(hub)
    assert "secret-yo" not in stranger.get("/try?lang=yo").text
    assert "ada/secret-yo" in owner.get("/try?lang=yo").text
    fields = FIELDS | {"adapter:ada/secret-yo": "1"}
    assert stranger.send("/try", "/try", fields).status_code == 404
    assert owner.send("/try", "/try", fields).status_code == 303


def test_hostile_parameters_are_text(client: TestClient):
    page = client.get(
        "/try", params={"prompt": "</textarea><script>alert(1)</script>", "adapter": '"><b>', "lang": "yo"}
    )
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert '"><b>' not in page.text


def test_a_hub_without_a_base_shows_a_note(tmp_path: Path, socket: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HUB_TRY_SOCKET", socket)
    with a_hub(tmp_path) as empty, TestClient(create_app(empty, parts=(TryIt(),))) as client:
        page = client.get("/try")
        assert (page.status_code, "No base can generate images" in page.text) == (200, True)
        refused = client.post("/api/v1/try", json={"prompt": "aja", "language": "yo"})
        assert (refused.status_code, "no base" in refused.json()["error"]) == (400, True)
