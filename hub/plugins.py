"""What installed packages add to linguahub: entry points, listed cheaply and imported only when asked for.

Groups: `hub.commands` (Typer applications), `hub.kinds`, `hub.methods`, `hub.bases`, `hub.benchmarks`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from hub.errors import Unknown, UnknownBase, UnknownMethod

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUPS = ("hub.commands", "hub.kinds", "hub.methods", "hub.bases", "hub.benchmarks")
_UNKNOWN: dict[str, type[Unknown]] = {"hub.methods": UnknownMethod, "hub.bases": UnknownBase}


@cache
def advertised(group: str) -> dict[str, EntryPoint]:
    """The entry points of `group` by name, sorted; nothing is imported. The first of two packages wins a name."""
    if group not in GROUPS:
        raise ValueError(f"`{group}` is none of linguahub's entry-point groups: {', '.join(GROUPS)}")
    from importlib.metadata import entry_points

    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=group):
        found.setdefault(point.name, point)
    return dict(sorted(found.items()))


def load(group: str, name: str) -> Any:
    """Import what `name` stands for in `group`; Unknown with near names when nothing does."""
    points = advertised(group)
    if name not in points:
        raise _UNKNOWN.get(group, Unknown)(name, known=points)
    return points[name].load()
