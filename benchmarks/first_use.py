"""Measure the processor time of a first use: `hub search` in a new home, and of mistakes that need no tensor library.

Run `python -m benchmarks.first_use`. It prints the median of three runs of each command, children included, in seconds of one core.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

REPETITIONS = 3
COMMANDS = {
    ("search",): 2.0,
    ("generate", "x", "--adapter", "typo"): 1.0,
    ("generate", "x", "--base", "sdxl", "--adapter", "mulan-yo"): 1.0,
    ("pull", "sd15"): 1.0,
    ("pull", "xlm-roberta-large"): 1.0,
    ("evaluate", "typo"): 1.0,
    ("train", "mulann", "--lang", "yo"): 1.0,
}
"""Command → target in seconds. Only the first one builds the registry."""


def main() -> None:
    """Run every command in a home without network; the registry exists for all but the first."""
    for command, target_s in COMMANDS.items():
        taken = statistics.median(measure(command, new=command == ("search",)) for _ in range(REPETITIONS))
        print(f"{taken:5.2f} s (target {target_s:g} s)  hub {' '.join(command)}", flush=True)


def measure(command: tuple[str, ...], *, new: bool) -> float:
    """Return the processor time of one process in a home of its own, in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "HUB_HOME": f"{folder}/home", "HF_HOME": f"{folder}/hf", "HF_HUB_OFFLINE": "1"}
        hub = Path(sys.executable).with_name("hub")
        if not new:
            subprocess.run([hub, "search"], env=environment, check=True, capture_output=True)
        before = _children_s()
        subprocess.run([hub, *command], env=environment, check=False, capture_output=True)
        return _children_s() - before


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
