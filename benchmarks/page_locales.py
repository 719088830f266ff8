"""Measure what the languages of pages cost: reading a catalogue once, and rendering a page in each language.

    python -m benchmarks.page_locales

The hub has the curated artifacts, in a temporary folder. Times are processor times of the whole request, medians of ROUNDS; the languages
take turns, so that a busy machine slows all of them alike.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from starlette.testclient import TestClient

from hub.local import LocalHub
from server import create_app
from server.site.locales import ENGLISH, LOCALES, speaking
from server.site.translation import gettext

PAGES = ("/", "/linguahub/pea-many", "/linguahub/pea-many/scores", "/languages", "/leaderboard")
ROUNDS = 15


def main() -> None:
    """Print the times."""
    for locale in LOCALES:
        began = time.process_time()
        with speaking(locale):
            gettext("Files")
        print(f"catalogue {locale.tag}: {1000 * (time.process_time() - began):.0f} ms, once")
    with TemporaryDirectory() as home, TestClient(create_app(LocalHub.open(Path(home)), rates=None)) as client:
        for page in PAGES:
            times: dict[str, list[float]] = {locale.tag: [] for locale in LOCALES}
            for turn in range(ROUNDS + 2):
                for locale in LOCALES:
                    began = time.process_time()
                    client.get(page, headers={"Accept": "text/html", "Accept-Language": locale.tag})
                    if turn >= 2:  # The first requests fill caches.
                        times[locale.tag].append(1000 * (time.process_time() - began))
            medians = {tag: statistics.median(each) for tag, each in times.items()}
            print(
                page,
                *(f"{tag} {each:.1f} ms ({each / medians[ENGLISH.tag] - 1:+.0%})" for tag, each in medians.items()),
            )


if __name__ == "__main__":
    main()
