"""The axis of charts that show scores: from zero to a round number, with places in percent, so that a chart has any width."""

from __future__ import annotations

import math
from collections.abc import Iterable

from hub.records import Score

_SHARES = {"1": 1.0, "%": 100.0}


def axis_top(like: Score, values: Iterable[float]) -> float:
    """Return the end of the axis: 1 or 100 for shares, else the next of 1, 2, 2.5, 5 times a power of ten."""
    listed = list(values)
    if like.unit in _SHARES and max(listed) <= _SHARES[like.unit] and like.better == "up":
        return _SHARES[like.unit]
    return axis_end(listed)


def axis_end(values: Iterable[float]) -> float:
    """Return the next of 1, 2, 2.5, 5 times a power of ten above all values."""
    highest = max(values)
    if highest <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    return next(power * step for step in (1, 2, 2.5, 5, 10) if highest <= power * step * (1 + 1e-9))


def place(value: float, top: float) -> float:
    """Return the place of a value in percent of the axis."""
    return round(100 * min(max(value / top, 0.0), 1.0), 2)


def ticks(top: float) -> tuple[tuple[float, str], ...]:
    """Return place and text of the lines of the axis."""
    return tuple((25.0 * part, f"{top * part / 4:g}") for part in range(5))
