"""Run all steps and print a line of JSON for each."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from journey.steps import STEPS, Run, take
from library_journey import adapters, encoders, pipelines  # noqa: F401 - importing them registers their steps


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--guest-token", required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder), arguments.guest_token)
        for step in STEPS:
            print(take(step, run), flush=True)


if __name__ == "__main__":
    main()
