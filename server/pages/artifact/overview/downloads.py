"""Downloads of an artifact over time, as the bars of a small chart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from hub.local import LocalHub
from hub.records import Artifact
from hub.registry.artifacts.downloads import downloads_by_day, today

DAYS = 30
HEIGHT = 24
"""Height of the chart in its own units; a bar is one unit wide."""


@dataclass(frozen=True, slots=True)
class Bar:
    """The downloads of one day."""

    x: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Downloads:
    """The last DAYS days."""

    bars: tuple[Bar, ...]
    recent: int
    """Downloads in these days."""
    days: int = DAYS
    height: int = HEIGHT


def recent_downloads(hub: LocalHub, artifact: Artifact) -> Downloads:
    """Return the downloads of the last DAYS days, in UTC."""
    counted = downloads_by_day(hub.registry.database, artifact.name, DAYS)
    days = [counted.get(str(today() - timedelta(days=back)), 0) for back in range(DAYS - 1, -1, -1)]
    highest = max(days) or 1
    heights = [round(HEIGHT * count / highest, 2) for count in days]
    bars = (Bar(x, round(HEIGHT - height, 2), height) for x, height in enumerate(heights) if height)
    return Downloads(tuple(bars), sum(days))
