"""Rows of scores → records, and the one score of an artifact that a line of a table shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.records import Provenance, Score

if TYPE_CHECKING:
    from hub.registry.database import Row


def read_score(row: Row) -> Score:
    """A score of the table `scores`."""
    fields: dict[str, Any] = {key: row[key] for key in Score.__slots__}
    fields["provenance"] = Provenance(fields["provenance"])
    return Score(**fields)
