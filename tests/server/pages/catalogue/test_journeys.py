"""Journeys in a real browser: browse the emoji data set in Hausa, with and without JavaScript, and follow a base to its method."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from hub.local import LocalHub
from tests.builders.chromium import MARKS, a_page, browser
from tests.builders.serving import serving

__all__ = ["browser"]
pytestmark = MARKS
VIEWER = "/datasets/linguahub/emoji/viewer?lang=ha"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with LocalHub.open() as hub, serving(hub) as found:
        yield found


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def page(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[Page]:
    with a_page(browser, address, java_script_enabled=request.param, accept_downloads=True) as page:
        yield page


def test_a_reader_browses_the_emoji_data_set_in_hausa_and_downloads_an_image(page: Page, tmp_path: Path):
    page.goto("/")
    page.get_by_role("navigation", name="Site").get_by_role("link", name="Data sets").click()
    page.get_by_role("link", name="Browse the images").click()
    expect(page.get_by_role("heading", name="names in English")).to_be_visible()
    page.get_by_role("form", name="Names").get_by_label("Language").select_option("ha")
    show(page)
    expect(page.get_by_role("heading", name="3,642 names in Hausa")).to_be_visible()
    page.get_by_role("link", name="Next →").click()
    expect(page.get_by_text("61–120 of 3,642")).to_be_visible()
    page.get_by_label("Split").select_option("pairs")
    show(page)
    expect(page.get_by_role("heading", name="84 names in Hausa")).to_be_visible()
    expect(page.get_by_text("are used for evaluation only")).to_be_visible()
    expect(page.get_by_role("form", name="Names").get_by_label("Language")).to_have_value("ha")
    page.get_by_label("Split").select_option("")
    show(page)
    page.get_by_label("Name or meaning").fill("giwa")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("giwa", exact=True)).to_have_attribute("lang", "ha")
    expect(page.locator(".images img").first).to_have_js_property("naturalWidth", 64)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the image: elephant").click()
    download.value.save_as(tmp_path / "elephant.webp")
    assert download.value.suggested_filename == "1f418.webp"
    assert (tmp_path / "elephant.webp").read_bytes()[8:12] == b"WEBP"
    page.reload()
    expect(page.get_by_text("giwa", exact=True)).to_be_visible()


def show(page: Page) -> None:
    """Press the button. With JavaScript the choice was in effect before, and pressing it changes nothing."""
    page.get_by_role("button", name="Show").click()


OUTSIDE = """() => [...document.querySelectorAll("svg.diagram")].filter(svg => svg.getBoundingClientRect().width).flatMap(svg => {
    const boxes = [...svg.querySelectorAll("rect")].map(rect => rect.getBBox());
    const fits = text => boxes.some(box => text.x >= box.x + 2 && text.x + text.width <= box.x + box.width - 2
        && text.y >= box.y - 1 && text.y + text.height <= box.y + box.height + 1);
    return [...svg.querySelectorAll("text")].filter(text => !fits(text.getBBox())).map(text => text.textContent.trim());
})"""
"""The texts of the visible diagram that are not within one of its boxes."""


@pytest.mark.parametrize("width", [1440, 390])
def test_the_texts_of_a_diagram_are_within_its_boxes(browser: Browser, address: str, width: int):
    with a_page(browser, address, viewport={"width": width, "height": 900}) as page:
        for method in ("mulan", "altdiffusion", "memory", "translate", "iap"):
            page.goto(f"/methods/{method}")
            expect(page.locator("svg.diagram:visible")).to_have_count(1)
            assert page.evaluate(OUTSIDE) == [], method


def test_going_back_shows_the_former_choice(browser: Browser, address: str):
    with a_page(browser, address) as page:
        page.goto(VIEWER)
        page.get_by_label("Split").select_option("pairs")
        expect(page.get_by_role("heading", name="84 names in Hausa")).to_be_visible()
        page.go_back()
        expect(page.get_by_role("heading", name="3,642 names in Hausa")).to_be_visible()
        expect(page.get_by_label("Split")).to_have_value("")


def test_a_reader_goes_from_a_base_to_a_method_and_its_benchmark(browser: Browser, address: str):
    with a_page(browser, address, java_script_enabled=False) as page:
        page.goto("/bases")
        page.get_by_role("link", name="sd15", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("sd15")
        page.get_by_role("table").first.get_by_role("link", name="mulan", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("MuLan")
        expect(
            page.get_by_role("img", name="prompt → multilingual encoder (frozen) → adapter (trained)")
        ).to_be_visible()
        page.get_by_role("link", name="emoji-generation").first.click()
        page.get_by_role("link", name="The whole leaderboard").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Leaderboard")
