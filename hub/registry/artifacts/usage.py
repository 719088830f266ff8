"""What is held: by an artifact over its whole history, and by an owner."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from hub.names import ArtifactName, Digest
from hub.records import File
from hub.registry.database.clock import known_time

if TYPE_CHECKING:
    from hub.registry.database.database import Database


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A content that a path of an artifact has, or once had."""

    file: File
    since: datetime | None
    """Time of the first revision with it."""
    branch: str
    """A branch that has it now; empty for one of the past alone."""


@dataclass(frozen=True, slots=True)
class RepositoryUsage:
    """An artifact of an owner, and what it takes."""

    name: ArtifactName
    kind: str
    private: bool
    updated_at: datetime | None
    size_bytes: int
    """Of all its revisions, each content once."""


@dataclass(frozen=True, slots=True)
class RegistryTotals:
    """Sums over the whole registry."""

    blobs: int
    """Different files that revisions name."""
    bytes: int
    """Of them, each once."""
    revisions: int
    downloads: int


def totals(database: Database) -> RegistryTotals:
    """The sums: whole tables are read, which takes a while among a million artifacts."""
    blobs, size_bytes = database.rows("SELECT count(*), coalesce(sum(size_bytes), 0) FROM blobs")[0]
    revisions = database.rows("SELECT count(*) FROM revisions")[0][0]
    downloads = database.rows("SELECT coalesce(sum(downloads), 0) FROM artifacts")[0][0]
    return RegistryTotals(int(blobs), int(size_bytes), int(revisions), int(downloads))


def public_by_kind(database: Database) -> dict[str, int]:
    """Kind → public artifacts of it, as they have been counted."""
    rows = database.rows("SELECT value, artifacts FROM facet_counts WHERE facet = 'kind' ORDER BY value")
    return {row["value"]: int(row["artifacts"]) for row in rows}


def stored_files(database: Database, name: ArtifactName, *, limit: int, offset: int = 0) -> list[StoredFile]:
    """Each path with each of its contents, sorted by path."""
    question = (
        "SELECT path, digest, files.size_bytes AS size_bytes, min(revisions.created_at) AS since, max(CASE WHEN EXISTS "
        "(SELECT 1 FROM refs WHERE refs.revision_id = revisions.id AND refs.name = 'main') THEN 1 ELSE 0 END) AS in_main "
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


def usage_by_repository(database: Database, owner: str, *, limit: int, offset: int = 0) -> list[RepositoryUsage]:
    """What an owner has, private artifacts included, sorted by name."""
    question = (
        "SELECT owner, name, kind, private, updated_at, (SELECT coalesce(sum(size_bytes), 0) FROM (SELECT DISTINCT digest, "
        "files.size_bytes AS size_bytes FROM files JOIN revisions ON revisions.id = revision_id "
        "WHERE revisions.artifact_id = artifacts.id) AS held) AS used "
        "FROM artifacts WHERE key >= :first AND key < :last ORDER BY key LIMIT :limit OFFSET :offset"
    )
    values = {
        "first": f"{owner.lower()}/",
        "last": f"{owner.lower()}0",
        "limit": limit,
        "offset": offset,
    }  # `0` follows `/`.
    return [
        RepositoryUsage(
            ArtifactName(row["owner"], row["name"]),
            row["kind"],
            bool(row["private"]),
            known_time(row["updated_at"]),
            int(row["used"]),
        )
        for row in database.rows(question, values)
    ]
