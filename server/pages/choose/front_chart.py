"""The chart of quality against cost: places in percent, so that it has any size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from hub.advice.fronts import Front, FrontPoint
from server.pages import formatting
from server.pages.axis import axis_end, place

_TIMES = (1, 3, 10, 30, 60, 180, 600, 1800, 3600, 10_800, 36_000, 86_400, 259_200, 864_000)
"""Seconds at which the axis can begin, end and have a line: 1, 3, 10, 30 of a unit."""
_NEAR, _RIGHT = 10, 60
"""Percent: marks that are nearer have their names on different sides, and marks further right have them on the left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """An artifact."""

    point: FrontPoint
    x: float
    y: float
    label_left: bool
    """Whether the name is written to the left of the mark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontChart:
    """The chart of one ranking."""

    front: Front
    dots: tuple[Dot, ...]
    steps: tuple[tuple[float, float, float, float], ...]
    """Lines of the front: x and y of both ends."""
    columns: tuple[tuple[float, str], ...]
    """Place and text of the lines of the time axis."""
    lines: tuple[tuple[float, str], ...]
    """Place, from the top, and text of the lines of the value axis."""


def front_chart(front: Front | None) -> FrontChart | None:
    """Return the chart of a front; None without one."""
    if front is None:
        return None
    least, most = (end(each.seconds for each in front.points) for end in (min, max))
    start = max((each for each in _TIMES if each < least), default=_TIMES[0] / 10)
    stop = min((each for each in _TIMES if each > most), default=most * 2)
    top = axis_end(each.value for each in front.points)

    def across(seconds: float) -> float:
        return round(100 * math.log(seconds / start) / math.log(stop / start), 2)

    def down(value: float) -> float:
        return round(100 - place(value, top), 2)

    dots: list[Dot] = []
    for each in front.points:
        x, y = across(each.seconds), down(each.value)
        is_beside = any(abs(x - dot.x) < _NEAR and abs(y - dot.y) < _NEAR and not dot.label_left for dot in dots)
        dots.append(Dot(point=each, x=x, y=y, label_left=x > _RIGHT or is_beside))
    best = [each for each in dots if each.point.is_on_front]
    steps = [
        step
        for left, right in pairwise(best)
        for step in ((left.x, left.y, right.x, left.y), (right.x, left.y, right.x, right.y))
    ]
    return FrontChart(
        front=front, dots=tuple(dots), steps=tuple(steps),
        columns=tuple((across(each), formatting.duration(each)) for each in sorted({start, *_TIMES, stop}) if start <= each <= stop),
        lines=tuple((100.0 - 25 * part, f"{top * part / 4:g}") for part in range(5)),
    )  # fmt: skip
