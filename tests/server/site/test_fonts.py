"""Scripts that the machine of a visitor has no font for get one from the server, and only those."""

from __future__ import annotations

import re
import unicodedata
from io import BytesIO
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont
from playwright.sync_api import Browser
from starlette.testclient import TestClient

from hub.images.text_rendering import SHAPED
from hub.languages import autonym
from server.site import static_files
from server.site.fonts import font_names
from tests.builders.chromium import CHROMIUM, MARKS, QUIET, a_page, browser
from tests.builders.server.published import client, endpoint, hub

__all__ = ["browser", "client", "endpoint", "hub"]
FONTS_ARE_READY = "async () => { await document.fonts.ready; }"
"""Playwright's own way to wait for a condition needs `eval`, which these pages forbid."""
FACE = re.compile(r'url\("(/fonts/[^"]+)"\); unicode-range: ([^;]+);')
TAGS = [
    "am",
    "ar",
    "bn",
    "fa",
    "gu",
    "he",
    "hi",
    "hy",
    "ka",
    "km",
    "kn",
    "lo",
    "ml",
    "mr",
    "my",
    "ne",
    "or",
    "pa",
    "si",
    "ta",
    "te",
    "th",
    "ti",
    "ur",
]


def faces() -> dict[str, list[range]]:
    """Return the letters of each font in the style sheet."""
    found = {}
    for address, ranges in FACE.findall((static_files.FOLDER / "fonts.css").read_text()):
        ends = [each.strip().removeprefix("U+").split("-") for each in ranges.split(",")]
        found[address] = [range(int(first, 16), int(last, 16) + 1) for first, last in ends]
    return found


def test_every_script_has_its_font(client: TestClient):
    assert set(faces()) == {f"/fonts/NotoSans{script}.ttf" for script in SHAPED}
    assert {each.rpartition("/")[2] for each in faces()} <= font_names()
    for address, ranges in faces().items():
        response = client.get(address)
        assert response.headers["Content-Type"] == "font/ttf"
        letters = TTFont(BytesIO(response.content)).getBestCmap()
        for each in ranges:
            assert sum(letter in letters for letter in each) >= len(each) / 4, (address, each)


@pytest.mark.parametrize("tag", TAGS)
def test_the_name_of_a_language_is_covered(tag: str):
    letters = [letter for letter in autonym(tag) if unicodedata.category(letter)[0] in "LM"]
    assert all(any(ord(letter) in each for ranges in faces().values() for each in ranges) for letter in letters)


def test_fonts_are_compressed_kept_and_found_by_name_alone(client: TestClient):
    packed = client.get("/fonts/NotoSansThai.ttf", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "max-age=2592000" in packed.headers["Cache-Control"]
    plain = client.get("/fonts/NotoSansThai.ttf", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    assert plain.content == packed.content
    for name in ("unifont-15.0.01.ttf", "NotoSansThai-Regular.ttf.xz", "..%2F__init__.py", "NotoSansThai"):
        assert client.get(f"/fonts/{name}").status_code == 404, name


@pytest.mark.browser
@pytest.mark.slow
@MARKS[2]
def test_a_machine_with_a_latin_font_alone_loads_the_scripts_of_a_page(
    browser: Browser, client: TestClient, endpoint: str, tmp_path: Path
):
    (tmp_path / "fonts").mkdir()
    (tmp_path / "fonts" / "NotoSans.ttf").write_bytes(client.get("/fonts/NotoSans.ttf").content)
    settings = tmp_path / "fonts.conf"
    settings.write_text(
        f"<fontconfig><dir>{tmp_path / 'fonts'}</dir><cachedir>{tmp_path / 'cache'}</cachedir></fontconfig>"
    )
    latin = browser.browser_type.launch(
        executable_path=CHROMIUM, args=QUIET.split(), env={"FONTCONFIG_FILE": str(settings), "HOME": str(tmp_path)}
    )
    page = latin.new_page()
    loaded = set[str]()
    page.on("response", lambda response: loaded.add(response.url.removeprefix(endpoint)) if response.ok else None)
    page.goto(f"{endpoint}/login")
    page.evaluate(FONTS_ARE_READY)
    fonts = {each for each in loaded if each.startswith("/fonts/")}
    # The footer has the names of the languages of the interface.
    assert fonts == {"/fonts/NotoSansArabic.ttf", "/fonts/NotoSansDevanagari.ttf"}
    latin.close()


NARROW = """async () => {
    await document.fonts.ready;
    const shown = document.querySelector("footer [lang=hi]"), alone = shown.cloneNode(true);
    alone.style.fontFamily = "'linguahub scripts'";
    shown.after(alone);
    return shown.getBoundingClientRect().width / alone.getBoundingClientRect().width;
}"""
"""The width of a name, relative to that in its font alone. Boxes for letters that no font has are far wider."""


@pytest.mark.browser
@MARKS[2]
def test_a_loaded_font_replaces_the_boxes_of_letters_that_were_in_no_font(browser: Browser, endpoint: str):
    with a_page(browser, endpoint) as page:
        page.goto("/login")
        page.evaluate(FONTS_ARE_READY)
        assert page.evaluate(NARROW) == pytest.approx(1, abs=0.1)
