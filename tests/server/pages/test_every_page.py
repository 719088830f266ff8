"""Requirements for every page, in a real browser: axe finds nothing, the page fits its screen, nothing moves, little is sent, the security policy is
kept.

A page is loaded once, on a phone in light colours, and then changed to wider windows and dark colours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, ConsoleMessage, Error, Page

from tests.builders.chromium import MARKS, browser
from tests.builders.server.every_page import administrator, made, page_addresses, people, site

__all__ = ["administrator", "browser", "made", "people", "site"]
pytestmark = MARKS
MAX_BYTES = 60_000
"""Compressed, without images, and without fonts, which only machines that lack them load."""
MAX_SHIFT = 0.02
"""Cumulative layout shift; browsers' vendors call 0.1 good."""
OBSERVE = """
window.shifts = [];
window.refused = [];
new PerformanceObserver(list => {
    for (const each of list.getEntries())
        window.shifts.push([each.value, ...each.sources.map(source => source.node?.outerHTML?.slice(0, 150) ?? "text")]);
}).observe({type: "layout-shift", buffered: true});
document.addEventListener("securitypolicyviolation", event =>
    window.refused.push(`${event.violatedDirective}: ${event.blockedURI} in line ${event.lineNumber}`));
"""
WEIGH = """
() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
    .filter(each => !/\\.(png|jpe?g|svg|webp)$|\\/images\\/|\\/resolve\\/|\\/fonts\\//.test(each.name))
    .reduce((bytes, each) => bytes + each.encodedBodySize, 0)
"""
FIND_REPEATED = """
() => {
    const numbers = new Map(), structures = new Map(), times = new Map();
    const number = text => numbers.get(text) ?? numbers.set(text, numbers.size).get(text);
    const name = each => `${each.localName}.${each.getAttribute("class") ?? ""}`;
    const structure = each => {
        const parts = [...each.childNodes].map(child =>
            child.nodeType === Node.ELEMENT_NODE ? structure(child) : child.nodeType === Node.TEXT_NODE && child.data.trim() ? "text" : "");
        structures.set(each, number([name(each), ...each.getAttributeNames(), ...parts].join(" ")));
        return structures.get(each);
    };
    const mark = (each, path) => {
        const place = `${path} ${structures.get(each)}`;
        times.set(place, (times.get(place) ?? 0) + 1);
        if (times.get(place) > 2) return;
        each.setAttribute("data-checked", "");
        for (const child of each.children) mark(child, number(`${path} ${name(each)}`));
    };
    structure(document.body);
    mark(document.body, 0);
    axe.configure({rules: [
        {id: "color-contrast", selector: "[data-checked]"}, {id: "link-in-text-block", selector: "a[href][data-checked]"},
        {id: "scrollable-region-focusable", selector: "[data-checked]"}, {id: "target-size", selector: "[data-checked]"},
    ]});
}
"""
"""Rules that measure and colour elements take seconds on long pages. Of equal elements, with equal elements inside, at equal places, they
look at two."""
OF_WIDTH_AND_COLOUR = ["color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size"]
"""Rules of axe that depend on more than the elements."""
RUN_AXE = """
rules => axe.run(document, {resultTypes: ["violations"], ...(rules.length ? {runOnly: rules} : {})}).then(
    found => found.violations.flatMap(rule => rule.nodes.map(
        node => `${rule.id} (${rule.impact}): ${node.html.slice(0, 200)}: ${node.failureSummary.replaceAll("\\n", " ")}`)))
"""
WIDTH = "document.documentElement.scrollWidth"
MOVING = """
() => [...document.querySelectorAll("*")].map(each => [each, getComputedStyle(each)])
    .filter(([, style]) => style.transitionDuration !== "0s" || style.animationName !== "none" || style.scrollBehavior === "smooth")
    .map(([each]) => each.outerHTML.slice(0, 100))
"""
FOCUSED = """
async () => {
    await new Promise(requestAnimationFrame);  // The browser scrolls to what has the focus.
    const each = document.activeElement, box = each.getBoundingClientRect(), style = getComputedStyle(each);
    const seen = style.outlineStyle !== "none" && box.width > 0 && box.left >= 0 && box.right <= innerWidth && box.bottom > 0 && box.top < innerHeight;
    return [`${each.outerHTML.slice(0, 100)} at ${Math.round(box.left)}, ${Math.round(box.top)}, ${Math.round(box.width)} px wide`, seen];
}
"""


@pytest.fixture(scope="module")
def tab(browser: Browser, site: str, administrator: str) -> Iterator[Callable[[str], Page]]:
    """Yield a function that returns the tab of a visitor, an administrator or a reader of Arabic."""
    with ExitStack() as opened:
        tabs = dict[str, Page]()
        for visitor in ("visitor", "administrator", "reader of Arabic"):
            locale = "ar" if visitor == "reader of Arabic" else "en"
            context = browser.new_context(base_url=site, reduced_motion="reduce", locale=locale)
            opened.callback(context.close)
            context.add_init_script(OBSERVE)
            context.add_init_script(AXE_SCRIPT)  # Sending it to each page would take as long as running it.
            if visitor == "administrator":
                context.add_cookies([{"name": "linguahub", "value": administrator, "url": site}])
            tabs[visitor] = context.new_page()
        yield tabs.__getitem__


@contextmanager
def console(page: Page) -> Iterator[list[str]]:
    """Yield the errors that the browser reports."""
    errors = list[str]()

    def log(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(message.text)

    def fail(error: Error) -> None:
        errors.append(str(error))

    page.on("console", log)
    page.on("pageerror", fail)
    yield errors
    page.remove_listener("console", log)
    page.remove_listener("pageerror", fail)


@pytest.mark.parametrize(("address", "visitor"), page_addresses())
def test_a_page_suits_every_reader(tab: Callable[[str], Page], made: dict[str, str], address: str, visitor: str):
    page, problems = tab(visitor), list[str]()
    for name, value in made.items():
        address = address.replace(name, value)
    page.set_viewport_size({"width": 360, "height": 740})
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    is_missing = "no-such" in address
    with console(page) as complaints:
        response = page.goto(address)
    assert response is not None
    assert response.status == (404 if is_missing else 200)
    problems += [] if is_missing else complaints  # The browser logs the status of an error page.
    problems += [f"refused by the security policy: {each}" for each in page.evaluate("window.refused")]
    shifts = page.evaluate("window.shifts")
    if sum(shift for shift, *_ in shifts) > MAX_SHIFT:
        problems.append(f"its parts move while it loads: {shifts}")
    if (sent := page.evaluate(WEIGH)) > MAX_BYTES:
        problems.append(f"{sent} bytes without images")
    if page.evaluate("document.documentElement.scrollWidth") > 390:
        problems.append("it is wider than a phone")
    page.keyboard.press("Tab")
    focused, is_seen = page.evaluate(FOCUSED)
    if not (is_seen and 'class="skip"' in focused):
        problems.append(f"the first Tab leads to {focused} instead of the link to the content")
    problems += [f"moves for readers who asked for less motion: {each}" for each in page.evaluate(MOVING)]
    page.evaluate(FIND_REPEATED)
    problems += [f"360 px, light: {each}" for each in page.evaluate(RUN_AXE, [])]
    for width in (360, 768, 1440):
        page.set_viewport_size({"width": width, "height": 740})
        if (shown := page.evaluate(WIDTH)) > width:
            problems.append(f"it is {shown} px wide in a window of {width} px")
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    problems += [f"1440 px, dark: {each}" for each in page.evaluate(RUN_AXE, OF_WIDTH_AND_COLOUR)]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("address", ["/?text=yorba", "/linguahub/pea-many/scores", "/try", "/login"])
def test_the_focused_element_is_visible(tab: Callable[[str], Page], address: str, width: int):
    page = tab("visitor")
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(address)
    for _ in range(20):
        page.keyboard.press("Tab")
        focused, is_seen = page.evaluate(FOCUSED)
        assert is_seen or focused.startswith("<body"), focused
