"""List the names of all public artifacts in parts of one size, whatever their number: for sitemaps.

A part is a range of ids, which no later artifact changes. Deleted and private artifacts leave gaps.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from hub.names import ArtifactName
from hub.registry.artifacts.rows import name_of
from hub.registry.database.clock import from_column

if TYPE_CHECKING:
    from hub.registry.database.database import Database

PART = 2_000
"""Ids of a part. Its page takes some 40 ms. `NOT private` keeps SQLite from reading the index of all public artifacts."""


@dataclass(frozen=True, slots=True)
class PublicName:
    """The name of a public artifact."""

    name: ArtifactName
    updated_at: datetime | None


def count_parts(database: Database) -> int:
    """Return the number of parts."""
    rows = database.rows("SELECT id FROM artifacts WHERE NOT private ORDER BY id DESC LIMIT 1")
    return (int(rows[0]["id"]) - 1) // PART + 1 if rows else 0


def read_part(database: Database, number: int) -> list[PublicName]:
    """Return the artifacts of a part, counted from 1, in the order of their ids."""
    rows = database.rows(
        "SELECT owner, name, kind, updated_at FROM artifacts WHERE id > :after AND id <= :last AND NOT private ORDER BY id",
        {"after": (number - 1) * PART, "last": number * PART},
    )
    return [PublicName(name_of(row), from_column(row["updated_at"])) for row in rows]
