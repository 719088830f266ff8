"""Comparing artifacts in a real browser. These pages have no script but the one that copies snippets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.builders.chromium import MARKS, a_page, browser

__all__ = ["browser"]
pytestmark = MARKS
THREE = "/compare?artifact=memory-yo&artifact=mulan-yo&artifact=pea-many"


@pytest.fixture
def page(browser: Browser, endpoint: str) -> Iterator[Page]:
    with a_page(browser, endpoint, java_script_enabled=False) as page:
        yield page


def test_a_reader_compares_two_results_and_copies_a_line(page: Page):
    page.goto("/?lang=yo&base=emoji-sd")
    page.get_by_label("Compare memory-yo").check()
    page.get_by_label("Compare mulan-yo").check()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Compare")
    expect(page.get_by_role("row", name="Encoder")).to_contain_text("multilingual-e5-small")
    expect(page.get_by_alt_text("With mulan-yo: ọkàn pupa")).to_be_visible()
    expect(page.get_by_text('adapter="memory-yo@')).to_be_visible()
    choice = page.get_by_label("Metric and data")
    wanted = choice.locator("option", has_text="R-precision@1 on emoji-generation, pairs").first
    choice.select_option(wanted.get_attribute("value"))
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", level=3, name="R-precision@1 on emoji-generation, pairs")).to_be_visible()
    row = page.get_by_role("region", name="Table of scores").get_by_role("row", name="Yoruba")
    expect(row).to_contain_text("better")


def test_a_reader_starts_from_an_artifact_mistypes_and_corrects_the_second_name(browser: Browser, endpoint: str):
    # Not `a_page`: the browser reports the status 404 of the mistyped name as an error.
    page = browser.new_page(base_url=endpoint, java_script_enabled=False)
    page.goto("/linguahub/memory-yo")
    page.get_by_role("link", name="Compare", exact=True).click()
    expect(page.get_by_label("Artifact 1")).to_have_value("linguahub/memory-yo")
    page.get_by_label("Artifact 2").fill("mulan-yoo")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("alert")).to_contain_text("No artifact is called “mulan-yoo”")
    expect(page.get_by_label("Artifact 2")).to_have_value("mulan-yoo")
    page.get_by_role("alert").get_by_role("link", name="mulan-yo", exact=True).click()
    expect(page.get_by_role("heading", name="Same prompts and seeds")).to_be_visible()
    page.close()


HAS_SCROLLED = (
    "box => box.scrollLeft > 0 || new Promise(done => box.addEventListener('scroll', () => done(true), { once: true }))"
)
"""Playwright's own way to wait for a condition needs `eval`, which these pages forbid."""


def test_tables_scroll_by_keyboard(browser: Browser, endpoint: str):
    scrolled = list[str]()
    with a_page(browser, endpoint, viewport={"width": 360, "height": 800}) as page:
        for address in (THREE, "/study", "/study/questions"):
            page.goto(address)
            boxes = page.locator(".scroll")
            assert boxes.evaluate_all("all => all.every(box => box.tabIndex === 0 && box.ariaLabel)")
            wide = boxes.evaluate_all("all => all.findIndex(box => box.scrollWidth > box.clientWidth + 40)")
            if wide >= 0:
                box = boxes.nth(wide)
                box.focus()
                page.keyboard.press("ArrowRight")
                box.evaluate(HAS_SCROLLED)
                scrolled.append(address)
    assert THREE in scrolled
