"""The navigation bar: its entries, in order. An entry is shown if this server has its page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from starlette.routing import BaseRoute

from hub.names import split_values
from hub.registry.names.stand_ins import MODULES
from server.site.translation import gettext_noop


@dataclass(frozen=True, slots=True)
class Entry:
    """A link of the navigation bar."""

    label: str
    """In English: `base.html` translates it."""
    path: str
    """Path of the page, without parameters."""
    until: str = ""
    """Address to use until a page has this path; empty to leave out the entry."""
    query: str = ""
    """Parameters of the link."""


TRY = "/try"
"""The page of an optional part."""
ENTRIES = (
    Entry(gettext_noop("Modules"), "/", query=f"?kind={','.join(MODULES)}"),
    Entry(gettext_noop("Bases"), "/bases", "/?kind=base"),
    Entry(gettext_noop("Languages"), "/languages"),
    Entry(gettext_noop("Data sets"), "/datasets", "/?kind=dataset"),
    Entry(gettext_noop("Leaderboard"), "/leaderboard"),
    Entry(gettext_noop("Try it"), TRY),
    Entry(gettext_noop("Study"), "/study"),
    Entry(gettext_noop("Docs"), "/docs"),
)
_SECTIONS = {"base": "Bases", "dataset": "Data sets"}
"""Kind of an artifact → label of the entry that lists it; all other kinds are modules."""


def available(routes: Iterable[BaseRoute]) -> tuple[tuple[str, str], ...]:
    """Return labels and addresses of the entries that lead somewhere in an application with these routes."""
    paths = {getattr(route, "path", "") for route in routes}
    addresses = ((entry.label, entry.path + entry.query if entry.path in paths else entry.until) for entry in ENTRIES)
    return tuple((label, address) for label, address in addresses if address)


def section_of(path: str, kind: str = "") -> str:
    """Return the label of the entry to which a page belongs, by its path and the kinds of artifacts that it shows; empty for none.

    `/` without a kind lists artifacts of all kinds, so it belongs to no entry.
    """
    if kind:
        labels = {_SECTIONS.get(each, "Modules") for each in split_values(kind)}
        return labels.pop() if len(labels) == 1 else ""
    here = path.rstrip("/")
    return next(
        (each.label for each in ENTRIES if here and (here == each.path or here.startswith(f"{each.path}/"))), ""
    )
