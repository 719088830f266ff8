"""The Pareto front: the choices for which more quality costs more."""

from __future__ import annotations

from collections.abc import Sequence


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the positions of the points (cost, quality) that no other point beats, the cheapest first.

    A point is beaten by one that costs no more and is better, or costs less and is as good. Equal points are all on the front.
    """
    front: list[int] = []
    for at in sorted(range(len(points)), key=lambda at: (points[at][0], -points[at][1])):
        if not front or points[at][1] > points[front[-1]][1] or points[at] == points[front[-1]]:
            front.append(at)
    return front
