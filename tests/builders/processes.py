"""Start processes for tests. No test waits for one without a limit, and none outlives its test."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

END_S = 20.0
"""Seconds for a process to end after a signal, on a busy machine."""


@contextmanager
def running(
    command: Sequence[str | Path], *, is_asked: bool = False, **options: Any
) -> Iterator[subprocess.Popen[Any]]:
    """Start a process and kill it at the end of the block, or with `is_asked` send SIGTERM before.

    `Popen` as a context manager would wait forever if the block raises, also if the block was interrupted by the time limit.
    """
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        end(process, is_asked=is_asked)


def end(process: subprocess.Popen[Any], *, is_asked: bool = False) -> None:
    """End a process and close its pipes."""
    try:
        if is_asked:
            process.terminate()
            process.wait(END_S)
    except subprocess.TimeoutExpired:
        pass
    finally:
        process.kill()
        process.wait(END_S)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
