"""Measure `hub search --lang yo` from a shell against `hf --help`: the time that a user waits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.clock import compare


def main() -> None:
    """Compare two complete processes."""
    hub, hf = (Path(sys.executable).with_name(name) for name in ("hub", "hf"))

    def run(*command: str | Path) -> None:
        subprocess.run(command, check=True, capture_output=True)

    compare(
        "hub search --lang yo takes at most 0.4 s",
        lambda: run(hub, "search", "--lang", "yo"),
        lambda: run(hf, "--help"),
        "hf --help",
    ).report()


if __name__ == "__main__":
    main()
