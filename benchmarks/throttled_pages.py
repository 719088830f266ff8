"""Measure how soon pages can be used on a phone: Chromium with a slow network and a slow processor, nothing cached.

python -m benchmarks.throttled_pages URL [--repetitions 5]

Slow 4G as Lighthouse simulates it for phones (1.6 Mbit/s, 150 ms to the server) and a processor four times slower. A page can be used
when its document is parsed and its deferred scripts have run (`domContentLoadedEventEnd`). URL is that of a running `hub serve`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics

from playwright.sync_api import Browser, sync_playwright

TARGET_MS = 1000.0
BYTES_PER_SECOND = 1_600_000 / 8
LATENCY_MS = 150
SLOWDOWN = 4
CHROMIUM = "/usr/bin/chromium"
PAGES = (
    "/", "/?lang=yo", "/linguahub/mulan-yo", "/linguahub/pea-many/scores", "/languages", "/languages/yo", "/leaderboard", "/parity",
    "/bases/sd15", "/methods/mulan", "/datasets/linguahub/emoji/viewer?lang=ha", "/try", "/study", "/login",
)  # fmt: skip
_TIMING = """() => {
    const page = performance.getEntriesByType("navigation")[0];
    const paint = performance.getEntriesByName("first-contentful-paint")[0];
    return [page.domContentLoadedEventEnd, paint ? paint.startTime : page.loadEventEnd];
}"""


def main() -> None:
    """Open every page several times with an empty cache, and print one JSON object."""
    reader = argparse.ArgumentParser()
    reader.add_argument("url")
    reader.add_argument("--repetitions", type=int, default=5)
    options = reader.parse_args()
    found = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for path in PAGES:
            times = [_open(browser, options.url.rstrip("/") + path) for _ in range(options.repetitions)]
            usable = [each for each, _ in times]
            found[path] = {
                "usable_ms": round(statistics.median(usable)),
                "slowest_ms": round(max(usable)),
                "first_paint_ms": round(statistics.median(painted for _, painted in times)),
            }
        browser.close()
    report = {
        "claim": f"pages can be used after {TARGET_MS:.0f} ms on a phone",
        "met": all(each["usable_ms"] <= TARGET_MS for each in found.values()),
        "pages": found,
        "load": round(os.getloadavg()[0], 1),
    }
    print(json.dumps(report, indent=2))


def _open(browser: Browser, address: str) -> tuple[float, float]:
    """Return when a page could be used and when something was painted first, in ms."""
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": LATENCY_MS,
            "downloadThroughput": BYTES_PER_SECOND,
            "uploadThroughput": BYTES_PER_SECOND,
        },
    )
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})
    page.goto(address, wait_until="load")
    usable, painted = page.evaluate(_TIMING)
    context.close()
    return usable, painted


if __name__ == "__main__":
    main()
