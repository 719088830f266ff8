"""Storage usage of artifacts, over all revisions, and of owners."""

# ruff: noqa: S608 - only conditions with bound parameters are put into SQL here.
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from hub.names import DATASETS, ArtifactName, Digest
from hub.records import File
from hub.registry.accounts.visibility import visibility_condition
from hub.registry.artifacts.rows import name_of
from hub.registry.database.clock import known_time

if TYPE_CHECKING:
    from hub.registry.database.database import Database

MAX_COUNTED = 10_000
"""Artifacts of an owner whose downloads are added up."""
_OF_OWNER = "((key >= :first AND key < :last) OR (key >= :first_set AND key < :last_set))"
"""SQL condition on an artifact's owner; `0` follows `/`."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A path of an artifact with one of its current or former contents."""

    file: File
    since: datetime | None
    """Time of the first revision that contains it."""
    branch: str
    """A branch that contains it now; empty for a former content."""


@dataclass(frozen=True, slots=True)
class RepositoryUsage:
    """An artifact of an owner, and its size."""

    name: ArtifactName
    kind: str
    private: bool
    updated_at: datetime | None
    size_bytes: int
    """Size of all distinct files in its revisions."""


@dataclass(frozen=True, slots=True)
class RegistryTotals:
    """Sums over the whole registry."""

    blobs: int
    """Number of distinct files in all revisions."""
    bytes: int
    """Their total size."""
    revisions: int
    downloads: int


def largest_owners(database: Database, limit: int) -> list[tuple[str, int]]:
    """Return the owners whose artifacts need most bytes, with the size of their distinct files in all revisions.

    Reads whole tables, which is slow with a million artifacts.
    """
    rows = database.rows(
        "SELECT min(owner) AS owner, sum(size_bytes) AS held FROM (SELECT DISTINCT owner, files.digest, files.size_bytes FROM files "
        "JOIN revisions ON revisions.id = revision_id JOIN artifacts ON artifacts.id = artifact_id) AS kept "
        "GROUP BY lower(owner) ORDER BY held DESC, owner LIMIT :limit",
        {"limit": limit},
    )
    return [(str(row["owner"]), int(row["held"])) for row in rows]


@dataclass(frozen=True, slots=True)
class OwnerTotals:
    """Sums over the artifacts of an owner."""

    owner: str
    """As its artifacts spell it."""
    downloads: int
    likes: int
    is_exact: bool
    """Whether all artifacts were counted; otherwise the sums are lower bounds."""


def totals(database: Database) -> RegistryTotals:
    """Compute the totals. Reads whole tables, which is slow with a million artifacts."""
    blobs, size_bytes = database.rows("SELECT count(*), coalesce(sum(size_bytes), 0) FROM blobs")[0]
    revisions = database.rows("SELECT count(*) FROM revisions")[0][0]
    downloads = database.rows("SELECT coalesce(sum(downloads), 0) FROM artifacts")[0][0]
    return RegistryTotals(int(blobs), int(size_bytes), int(revisions), int(downloads))


def public_by_kind(database: Database) -> dict[str, int]:
    """Map kinds to their number of public artifacts."""
    rows = database.rows("SELECT value, artifacts FROM facet_counts WHERE facet = 'kind' ORDER BY value")
    return {row["value"]: int(row["artifacts"]) for row in rows}


def stored_files(database: Database, name: ArtifactName, *, limit: int, offset: int = 0) -> list[StoredFile]:
    """Return a page of all paths with all of their contents, sorted by path."""
    question = (
        "SELECT path, digest, files.size_bytes AS size_bytes, min(revisions.created_at) AS since, max(CASE WHEN EXISTS "
        "(SELECT 1 FROM refs WHERE refs.revision_id = revisions.id AND refs.name = 'main' AND refs.kind = 'branch') "
        "THEN 1 ELSE 0 END) AS in_main "
        "FROM files JOIN revisions ON revisions.id = files.revision_id JOIN artifacts ON artifacts.id = artifact_id "
        "WHERE key = :key GROUP BY path, digest, files.size_bytes ORDER BY path, since DESC, digest LIMIT :limit OFFSET :offset"
    )
    return [
        StoredFile(
            File(row["path"], Digest(row["digest"]), row["size_bytes"]),
            known_time(str(row["since"])),
            "main" if row["in_main"] else "",
        )
        for row in database.rows(question, {"key": name.key, "limit": limit, "offset": offset})
    ]


def owner_totals(database: Database, owner: str, readers: tuple[str, ...] | None) -> OwnerTotals | None:
    """Return the sums over the artifacts of an owner that `readers` may see; None if there are none. At most MAX_COUNTED are read."""
    condition, reading = visibility_condition(readers)
    of_owner = f"SELECT owner, downloads, likes FROM artifacts WHERE {_OF_OWNER} AND (NOT private OR {condition})"
    row = database.rows(
        f"SELECT count(*), min(owner), sum(downloads), sum(likes) FROM ({of_owner} LIMIT :limit) AS counted",
        {**_keys(owner), **reading, "limit": MAX_COUNTED + 1},
    )[0]
    return OwnerTotals(row[1], int(row[2]), int(row[3]), row[0] <= MAX_COUNTED) if row[0] else None


def usage_by_repository(database: Database, owner: str, *, limit: int, offset: int = 0) -> list[RepositoryUsage]:
    """Return a page of the artifacts of an owner, including private ones, sorted by name."""
    question = (
        "SELECT owner, name, kind, private, updated_at, (SELECT coalesce(sum(size_bytes), 0) FROM (SELECT DISTINCT digest, "
        "files.size_bytes AS size_bytes FROM files JOIN revisions ON revisions.id = revision_id "
        "WHERE revisions.artifact_id = artifacts.id) AS held) AS used "
        f"FROM artifacts WHERE {_OF_OWNER} ORDER BY key LIMIT :limit OFFSET :offset"
    )
    return [
        RepositoryUsage(
            name_of(row),
            row["kind"],
            bool(row["private"]),
            known_time(row["updated_at"]),
            int(row["used"]),
        )
        for row in database.rows(question, {**_keys(owner), "limit": limit, "offset": offset})
    ]


def _keys(owner: str) -> dict[str, str]:
    """Return the limits of the keys of an owner's artifacts, for _OF_OWNER."""
    own = owner.lower()
    return {
        "first": f"{own}/", "last": f"{own}0", "first_set": f"{DATASETS}{own}/", "last_set": f"{DATASETS}{own}0",
    }  # fmt: skip
