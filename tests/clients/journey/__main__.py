"""Run all steps, or only those that upload large files, and print a line of JSON for each."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from huggingface_hub.utils import disable_progress_bars, logging
from journey import (  # noqa: F401 - importing them registers their steps
    accounts,
    cards,
    commands,
    copies,
    descriptions,
    downloads,
    files,
    gates,
    history,
    lists,
    refusals,
    repositories,
    uploads,
)
from journey.steps import STEPS, Run, take


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--guest-token", required=True)
    parser.add_argument("--sending", action="store_true", help="only steps that upload large files")
    arguments = parser.parse_args()
    disable_progress_bars()
    logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder), arguments.guest_token)
        for step in STEPS:
            if step.sends or not arguments.sending:
                print(take(step, run), flush=True)


if __name__ == "__main__":
    main()
