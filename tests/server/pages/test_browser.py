"""The pages in a real browser."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.builders.chromium import MARKS, a_page, browser

__all__ = ["browser"]
pytestmark = MARKS
BOXES = "all => all.map(each => each.getBoundingClientRect()).map(box => [box.left, box.right])"
WITH_AND_WITHOUT = pytest.mark.parametrize(
    "page", [True, False], ids=["with JavaScript", "without JavaScript"], indirect=True
)
"""For journeys past snippets, which are all that the script of these pages changes."""


@pytest.fixture
def page(request: pytest.FixtureRequest, browser: Browser, endpoint: str) -> Iterator[Page]:
    """Yield a page without JavaScript, or with it if a test requests it."""
    has_script = getattr(request, "param", False)
    with a_page(browser, endpoint, java_script_enabled=has_script, accept_downloads=True) as page:
        yield page


def test_a_reader_finds_a_yoruba_module_and_downloads_its_weights(page: Page, tmp_path: Path):
    page.goto("/")
    page.get_by_label("Search", exact=True).fill("first yoruba")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("Understood as language Yoruba")).to_be_visible()
    page.get_by_role("link", name="ada/first-yo").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("first-yo")
    page.get_by_role("link", name="Scores", exact=True).click()
    expect(page.get_by_text("reproduced", exact=True).first).to_be_visible()
    page.get_by_role("link", name="Files", exact=True).click()
    page.get_by_role("link", name="emoji-sd/").click()
    row = page.get_by_role("row", name="model.safetensors")
    shown = row.locator("code").get_attribute("title")
    page.get_by_role("link", name="model.safetensors", exact=True).click()
    expect(page.get_by_role("row", name="weight 4 F32")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    download.value.save_as(tmp_path / "model.safetensors")
    assert hashlib.sha256((tmp_path / "model.safetensors").read_bytes()).hexdigest() == shown


@pytest.mark.parametrize("page", [True], ids=["with JavaScript"], indirect=True)
def test_a_long_benchmark_is_cut_off_and_the_provenance_is_not(page: Page):
    page.goto("/?owner=ada")
    cut, left = page.evaluate("""() => {
        const line = document.querySelector(".measured-by"), [benchmark, provenance] = line.children;
        benchmark.textContent = "a-benchmark-with-a-very-long-name".repeat(4);
        return [benchmark.scrollWidth > benchmark.clientWidth, line.getBoundingClientRect().right - provenance.getBoundingClientRect().right];
    }""")
    assert cut
    assert left >= -0.5  # Pixels are rounded.


def test_facets_apply_and_remove_filters(page: Page):
    page.goto("/?owner=ada")
    filters = page.get_by_role("navigation", name="Filters")
    filters.get_by_role("link", name="Èdè Yorùbá Yoruba").click()
    expect(page.get_by_role("heading", name="2 artifacts")).to_be_visible()
    filters.get_by_role("combobox", name="Language").fill("Arabic")
    filters.get_by_role("button", name="Add").click()
    expect(page.get_by_role("heading", name="3 artifacts")).to_be_visible()
    page.get_by_role("link", name="Remove the filter yo").click()
    expect(page.get_by_role("heading", name="2 artifacts")).to_be_visible()


def test_a_reader_switches_to_yoruba_and_the_choice_lasts(page: Page):
    page.goto("/?text=first+yoruba")
    page.get_by_role("button", name="Yorùbá").click()
    expect(page).to_have_url(re.compile(r"/\?text=first\+yoruba$"))
    expect(page.locator("html")).to_have_attribute("lang", "yo")
    expect(page.get_by_role("button", name="Wá", exact=True)).to_be_visible()
    expect(page.get_by_text("Ẹ̀rọ ni ó túmọ̀ ojú ìwé yìí.")).to_be_visible()
    page.get_by_role("link", name="ada/first-yo").click()
    expect(page.get_by_role("link", name="Àwọn máàkì", exact=True)).to_be_visible()
    page.get_by_role("button", name="العربية").click()
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.get_by_role("heading", level=1)).to_have_text("first-yo")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_scores_of_many_languages_fit_the_screen_and_the_page_stays_short(browser: Browser, endpoint: str):
    with a_page(browser, endpoint) as page:
        page.goto("/linguahub/pea-many/scores")
        for width, height in ((390, 5000), (1440, 2500)):
            page.set_viewport_size({"width": width, "height": 900})
            boxes = page.locator(".score-table tbody strong").evaluate_all(BOXES)
            assert boxes
            assert all(left >= 0 and right <= width for left, right in boxes)
            assert page.evaluate("document.documentElement.scrollHeight") < height


@WITH_AND_WITHOUT
def test_a_reader_compares_images_finds_a_score_and_copies_a_line_in_another_language(page: Page):
    page.goto("/linguahub/pea-many")
    expect(page.get_by_role("heading", name="What changes")).to_be_visible()
    expect(page.get_by_text("ọkàn pupa", exact=True)).to_be_visible()
    page.get_by_text("hf", exact=True).click()
    expect(page.get_by_text("hf download linguahub/pea-many --revision")).to_be_visible()
    page.get_by_role("link", name="Scores", exact=True).click()
    page.get_by_label("Language").select_option("sw")
    page.get_by_label("Metric").select_option("r_precision_at_10")
    page.get_by_role("button", name="Filter").click()
    row = page.get_by_role("row", name="Kiswahili").first
    expect(row).to_contain_text("R-precision@10")
    row.locator("summary").click()
    expect(row.get_by_text("hub evaluate pea-many")).to_be_visible()


def test_a_button_copies_a_snippet(browser: Browser, endpoint: str):
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(f"{endpoint}/ada/first-yo")
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert "load_pipeline" in page.evaluate("navigator.clipboard.readText()")
    context.close()


def test_a_phone_shows_the_filters_as_a_sheet(browser: Browser, endpoint: str):
    with a_page(browser, endpoint, viewport={"width": 390, "height": 844}, java_script_enabled=False) as page:
        page.goto("/?owner=ada")
        filters = page.get_by_role("navigation", name="Filters")
        expect(filters).to_be_hidden()
        page.get_by_role("link", name="Filters (1)").click()
        expect(filters).to_be_visible()
        filters.get_by_role("link", name="Show 3").click()
        expect(filters).to_be_hidden()


def test_results_are_compact_and_within_ten_tabs(browser: Browser, endpoint: str):
    with a_page(browser, endpoint, viewport={"width": 1440, "height": 900}) as page:
        page.goto("/")
        assert page.locator(".artifact").count() == 20
        assert page.evaluate("document.documentElement.scrollHeight") <= 2500
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")  # Skip to content.
        first = page.locator(".artifact a").first
        for _ in range(9):
            page.keyboard.press("Tab")
            if first.evaluate("link => link === document.activeElement"):
                return
        raise AssertionError("the first result takes more than ten Tabs")


OVERLAPPING = """
() => [...document.querySelectorAll(".artifact")].flatMap(card => {
    const pick = card.parentElement.querySelector(".pick")?.getBoundingClientRect();
    return pick ? [...card.querySelectorAll("header > *")].filter(each => {
        const box = each.getBoundingClientRect();
        return box.right > pick.left && box.left < pick.right && box.bottom > pick.top && box.top < pick.bottom;
    }).map(each => each.textContent) : [];
})
"""


@pytest.mark.parametrize("locale", ["en", "ar", "fr"])
def test_the_box_to_compare_a_result_covers_neither_its_name_nor_its_kind(browser: Browser, endpoint: str, locale: str):
    with a_page(browser, endpoint, locale=locale) as page:
        page.goto("/?lang=yo")
        assert page.locator(".pick").count() > 5
        for width in (390, 768, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate(OVERLAPPING) == [], width
