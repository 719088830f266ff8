"""The setting of a score: what else must be equal before two values are compared."""

from __future__ import annotations

from hub.records import Score

_SMALLEST, _STEP = 32, 10
"""First sample size that is not called too small, and the ratio of the limits of two classes."""
_BIASED = ("fid",)
"""Metrics whose value depends on n itself, so that only equal n compare."""
_MACHINE_UNITS = {"s", "ms", "µs", "min", "h", "days", "images/s", "it/s"}
_MACHINE_METRICS = ("latency_", "peak_memory", "throughput_")


def setting_of(score: Score, machine: str = "") -> str:
    """Return the setting of a score. `machine`: where a published score was measured; otherwise it is read from the source.

    Times and memory depend on the machine, which is the end of a run record. A paper is the end of its own source: the
    figures of one paper are compared as if from one machine.
    """
    if score.unit in _MACHINE_UNITS or score.metric.startswith(_MACHINE_METRICS):
        return machine or score.source.rpartition("; ")[2]
    if score.sample_size is None:
        return ""
    if score.metric.partition("[")[0].startswith(_BIASED):
        return f"n {score.sample_size:,}"
    return f"n {_size_class(score.sample_size)}"


def _size_class(n: int) -> str:
    """Return the class of a sample size: below 32, 32–319, 320–3,199 …"""
    low = _SMALLEST
    if n < low:
        return f"< {low}"
    while n >= low * _STEP:
        low *= _STEP
    return f"{low:,}–{low * _STEP - 1:,}"
