"""What a module came from, in lines: its parent, or those it was combined of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hub.publish.lineage import Origin, Part


def lineage(origins: Iterable[Origin]) -> Iterator[tuple[str, str]]:
    """Label and value of each line to show."""
    for origin in origins:
        if origin.parent:
            yield "parent", origin.parent
        if origin.combined:
            listed = " + ".join(f"{part.share:g} {_name(part)}" for part in origin.combined)
            yield "combined", f"{listed} ({origin.combined_by})"


def _name(part: Part) -> str:
    return f"{part.name}@{part.revision[:10]}" if part.revision else part.name
