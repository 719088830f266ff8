"""Keep the number of artifacts for each value of each facet up to date."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from hub.registry.tables.artifacts import ArtifactRow, BaseRow, FacetCountRow, LanguageRow

EVERYTHING = ("", "")
"""The facet that counts all public artifacts."""
_SINGLE = ("kind", "method", "license", "owner")
_CHANGE = (
    "INSERT INTO facet_counts (facet, value, artifacts) VALUES (:facet, :value, :change) "
    "ON CONFLICT (facet, value) DO UPDATE SET artifacts = facet_counts.artifacts + excluded.artifacts"
)


def facets_in(session: Session, row: ArtifactRow) -> set[tuple[str, str]]:
    """Return the facets and values of an artifact from the tables, and EVERYTHING; empty for a private one, which is not counted."""
    if row.private:
        return set()
    found = {EVERYTHING, *((facet, value) for facet in _SINGLE if (value := getattr(row, facet)))}
    found |= {
        ("language", tag) for tag in session.scalars(select(LanguageRow.tag).where(LanguageRow.artifact_id == row.id))
    }
    return found | {
        ("base", base) for base in session.scalars(select(BaseRow.base).where(BaseRow.artifact_id == row.id))
    }


def recount(session: Session, before: Iterable[tuple[str, str]], after: Iterable[tuple[str, str]]) -> None:
    """Update the counts when the facets of an artifact change from `before` to `after`."""
    old, new = set(before), set(after)
    add_counts(session, dict.fromkeys(new - old, 1) | dict.fromkeys(old - new, -1))
    if old - new:
        session.execute(delete(FacetCountRow).where(FacetCountRow.artifacts <= 0))


def add_counts(session: Session, changes: Mapping[tuple[str, str], int]) -> None:
    """Add numbers of artifacts to the counts."""
    rows = [{"facet": facet, "value": value, "change": change} for (facet, value), change in sorted(changes.items())]
    if rows:
        session.execute(text(_CHANGE), rows)
