"""Time two ways of doing the same, taking turns, and say the ratio."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """Median, least and greatest of some repetitions, in milliseconds."""

    median_ms: float
    least_ms: float
    greatest_ms: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ours beside a peer's."""

    claim: str
    ours: Timing
    peer: Timing
    peer_is: str
    repetitions: int

    @property
    def ratio(self) -> float:
        """Ours over the peer's, of medians."""
        return self.ours.median_ms / self.peer.median_ms

    def report(self, **more: float | str) -> None:
        """Print one JSON object."""
        machine = f"{platform.machine()}, {os.cpu_count()} cores"
        print(json.dumps({**asdict(self), "ratio": round(self.ratio, 4), **more, "machine": machine}, indent=2))


def compare(
    claim: str, ours: Callable[[], object], peer: Callable[[], object], peer_is: str, repetitions: int = 10
) -> Comparison:
    """Run both once to warm up, then by turns, so that whatever else the machine does falls on both."""
    ours()
    peer()
    mine, theirs = [], []
    for _ in range(repetitions):
        mine.append(milliseconds(ours))
        theirs.append(milliseconds(peer))
    return Comparison(claim, _timing(mine), _timing(theirs), peer_is, repetitions)


def milliseconds(call: Callable[[], object]) -> float:
    """That `call` took, by the clock on the wall."""
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1e3


def _timing(times: list[float]) -> Timing:
    return Timing(*(round(value, 4) for value in (statistics.median(times), min(times), max(times))))
