"""Time two ways of doing the same in turn, and report the ratio."""

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
    """Median, minimum and maximum of some repetitions, in milliseconds."""

    median_ms: float
    least_ms: float
    greatest_ms: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Our timing and a peer's."""

    claim: str
    ours: Timing
    peer: Timing
    peer_is: str
    repetitions: int
    ours_processor: Timing
    """Processor time of this process only: the one to compare while other work runs."""
    peer_processor: Timing

    @property
    def ratio(self) -> float:
        """The ratio of the medians, ours to the peer's."""
        return self.ours.median_ms / self.peer.median_ms

    @property
    def processor_ratio(self) -> float:
        """The same ratio for processor time."""
        return self.ours_processor.median_ms / max(self.peer_processor.median_ms, 1e-3)

    def report(self, **more: float | str) -> None:
        """Print one JSON object."""
        machine = f"{platform.machine()}, {os.cpu_count()} cores"
        ratios = {"ratio": round(self.ratio, 4), "processor_ratio": round(self.processor_ratio, 4)}
        load = round(os.getloadavg()[0], 1)
        print(json.dumps({**asdict(self), **ratios, **more, "machine": machine, "load": load}, indent=2))


def compare(
    claim: str, ours: Callable[[], object], peer: Callable[[], object], peer_is: str, repetitions: int = 10
) -> Comparison:
    """Run both once to warm up, then in turn, so that other load on the machine affects both."""
    ours()
    peer()
    mine, theirs = [], []
    for _ in range(repetitions):
        mine.append(_both(ours))
        theirs.append(_both(peer))
    walls, processors = ([_timing([each[kind] for each in side]) for side in (mine, theirs)] for kind in (0, 1))
    return Comparison(claim, walls[0], walls[1], peer_is, repetitions, processors[0], processors[1])


def milliseconds(call: Callable[[], object]) -> float:
    """Return the wall-clock time of `call` in milliseconds."""
    return _both(call)[0]


def _both(call: Callable[[], object]) -> tuple[float, float]:
    """Return milliseconds of wall-clock time, and of processor time in all threads."""
    started, worked = time.perf_counter(), time.process_time()
    call()
    return (time.perf_counter() - started) * 1e3, (time.process_time() - worked) * 1e3


def _timing(times: list[float]) -> Timing:
    return Timing(*(round(value, 4) for value in (statistics.median(times), min(times), max(times))))
