"""Send many hostile requests and print what went wrong: `python -m tests.fuzz [REQUESTS] [SEED]`, by default 20,000."""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path

from hub.home import Home
from hub.local import LocalHub
from tests.fuzz.fuzz import fuzz

if __name__ == "__main__":
    numbers = [int(each) for each in sys.argv[1:3]]
    count, seed = [*numbers, *(20_000, 0)[len(numbers) :]]
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with LocalHub.open(Home(folder / "registry.db", folder, folder / "cards")) as hub:
            report = fuzz(hub, count, seed, tell=lambda fault: print(fault, file=sys.stderr, flush=True))
    print(report)
    sys.exit(bool(report.faults))
