"""Start Debian's Chromium and open pages that fail their test when the browser reports an error."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium") or "/usr/bin/chromium"
"""The same engine without windows takes half of the processor time."""
QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync --js-flags=--no-turbofan,--no-maglev"
)
"""Pages are open too briefly for code that V8 optimises in other threads: without, the same tests take a sixth less."""
MARKS = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(
        not Path(CHROMIUM).exists(), reason="Chromium is not installed: apt-get install chromium-headless-shell"
    ),
]


@pytest.fixture(scope="session")
def chromium() -> Iterator[tuple[Browser, asyncio.AbstractEventLoop]]:
    """Yield the browser of the session, whose start takes a second, and the event loop that Playwright runs for it."""
    with sync_playwright() as started:
        loop = asyncio.get_running_loop()
        browser = started.chromium.launch(executable_path=CHROMIUM, args=QUIET.split())
        asyncio._set_running_loop(None)
        yield browser, loop
        asyncio._set_running_loop(loop)
        browser.close()


@pytest.fixture(scope="module")
def browser(chromium: tuple[Browser, asyncio.AbstractEventLoop]) -> Iterator[Browser]:
    """Lend the browser of the session to a module of tests.

    Playwright marks its event loop as running as long as it lives. Other tests run event loops of their own, so that the mark
    is set for such modules alone.
    """
    lent, loop = chromium
    asyncio._set_running_loop(loop)
    yield lent
    asyncio._set_running_loop(None)


@contextmanager
def a_page(browser: Browser, endpoint: str, **options: Any) -> Iterator[Page]:
    """Yield a page that fails the test when the browser reports an error, such as a policy violation."""
    context = browser.new_context(base_url=endpoint, **options)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert not complaints
