"""The page `/try` in a real browser, and with the real base of the lab."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from hub.local import LocalHub
from server.app import create_app
from server.parts.try_it.part import TryIt
from server.parts.try_it.service import running_service
from server.parts.try_it.settings import Settings
from tests.builders.chromium import MARKS, a_page, browser
from tests.builders.serving import served

__all__ = ["browser"]
pytestmark = MARKS
START_S = 120_000
"""Milliseconds in which a busy machine imports torch, loads the base and draws."""


@pytest.fixture(scope="module")
def imitated(app: FastAPI) -> Iterator[str]:
    with served(app, force=True) as running:
        yield running.address


@pytest.fixture
def page(browser: Browser, imitated: str) -> Iterator[Page]:
    with a_page(browser, imitated, accept_downloads=True) as page:
        yield page


def test_a_visitor_types_a_prompt_and_downloads_the_images_of_the_real_base(
    browser: Browser, hub: LocalHub, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HUB_HOME", str(hub.home.folder))
    with running_service(Settings()) as socket:
        monkeypatch.setenv("HUB_TRY_SOCKET", str(socket))
        app = create_app(hub, parts=(TryIt(),))
        with served(app, force=True) as running, a_page(browser, running.address, accept_downloads=True) as page:
            page.goto("/try?lang=yo")
            page.get_by_label("emoji-sd alone").uncheck()
            page.get_by_label("Prompt in").fill("ọkàn pupa")
            page.get_by_label("Seed").fill("7")
            page.get_by_role("button", name="Generate").click()
            image = page.get_by_alt_text("mulan-yo: ọkàn pupa")
            expect(image).to_be_visible(timeout=START_S)
            expect(page.get_by_role("status")).to_have_text("Done.")
            with page.expect_download() as download:
                page.get_by_role("link", name="Download the image of mulan-yo").click()
            assert download.value.suggested_filename == "yo-mulan-yo-seed-7.png"
            content = download.value.path().read_bytes()
    drawn = Image.open(io.BytesIO(content))
    red, _, blue = drawn.convert("RGB").getpixel((32, 24))  # type: ignore[misc]
    assert drawn.size == (64, 64)
    assert red > 150 > blue, "the middle of a red heart"
    assert (drawn.text["prompt"], drawn.text["adapter"]) == ("ọkàn pupa", "linguahub/mulan-yo")  # type: ignore[attr-defined]


def test_keys_insert_letters_where_the_cursor_is_and_tone_marks_join_them(page: Page):
    page.goto("/try?lang=yo&prompt=kan")
    prompt = page.get_by_label("Prompt in")
    prompt.evaluate("each => each.setSelectionRange(0, 0)")
    page.get_by_role("button", name="ọ", exact=True).click()
    expect(prompt).to_have_value("ọkan")
    prompt.evaluate("each => each.setSelectionRange(3, 3)")
    page.locator("[data-key='\u0300']").click()
    expect(prompt).to_have_value("ọkàn")
    assert prompt.evaluate("each => [each.value.length, each.selectionStart]") == [4, 3]


def test_an_example_is_generated_with_one_click_and_the_address_can_be_shared(
    page: Page, browser: Browser, imitated: str
):
    page.goto("/try?lang=yo")
    page.get_by_role("link", name="ọkàn pupa").click()
    expect(page.get_by_role("status")).to_have_text("Done.")
    expect(page.locator(".column img")).to_have_count(2)
    expect(page.get_by_text("read as “column 1”")).to_be_visible()
    assert "lang=yo" in page.url
    with a_page(browser, imitated) as friend:
        friend.goto(page.url)
        expect(friend.locator(".column img")).to_have_count(2)
        expect(friend.get_by_label("Prompt in")).to_have_value("ọkàn pupa")


def test_enter_starts_and_a_running_prompt_can_be_cancelled(page: Page):
    page.goto("/try?lang=yo")
    page.get_by_label("Prompt in").fill("slow")
    page.get_by_label("Prompt in").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Generating")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("status")).to_have_text("Cancelled.")
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()
    expect(page.get_by_role("button", name="Generate")).to_be_enabled()


def test_a_crash_is_told_and_the_prompt_stays(page: Page):
    page.goto("/try?lang=yo")
    page.get_by_label("Prompt in").fill("crash")
    page.get_by_role("button", name="Generate").click()
    expect(page.get_by_role("alert")).to_contain_text("stopped unexpectedly")
    expect(page.get_by_label("Prompt in")).to_have_value("crash")
    page.get_by_label("Prompt in").fill("ọkàn")
    page.get_by_role("button", name="Generate").click()
    expect(page.get_by_role("status")).to_have_text("Done.")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_another_language_keeps_the_typed_prompt(page: Page):
    page.goto("/try?lang=yo")
    page.get_by_label("Prompt in").fill("moyo mwekundu")
    page.get_by_role("combobox", name="Language").select_option("sw")
    expect(page.get_by_role("link", name="ndovu")).to_be_visible()
    expect(page.get_by_label("Prompt in")).to_have_value("moyo mwekundu")
    page.reload()
    expect(page.get_by_label("Prompt in")).to_have_value("moyo mwekundu")


def test_a_typed_prompt_survives_a_reload(page: Page):
    page.goto("/try?lang=yo")
    page.get_by_label("Prompt in").fill("ajá")
    expect(page).to_have_url(re.compile("draft=1"))
    page.reload()
    expect(page.get_by_label("Prompt in")).to_have_value("ajá")
    expect(page.locator(".column")).to_have_count(0)


def test_without_javascript_the_page_of_the_job_reloads_until_the_images_are_there(browser: Browser, imitated: str):
    with a_page(browser, imitated, java_script_enabled=False) as page:
        page.goto("/try?lang=yo")
        page.get_by_label("Prompt in").fill("erin nla")
        page.get_by_role("button", name="Generate").click()
        expect(page.locator(".column img")).to_have_count(2, timeout=20_000)
