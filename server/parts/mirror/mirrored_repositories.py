"""Read and write mirrored repositories in the database: requested commits, files and refs, with the ids of the upstream."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hub.git_objects import folder_ids
from hub.names import ArtifactName, Digest
from hub.records import MirrorOrigin
from hub.registry.database.clock import from_column, to_column, utc_now

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hub.registry.database.database import Database

USE_INTERVAL = timedelta(hours=1)
"""Minimum time between updates of `used_at`."""
_BATCH = 500


@dataclass(frozen=True, slots=True)
class MirroredRepository:
    """A repository of the upstream. Models and datasets are separate there and can have the same name."""

    collection: str
    """`models` or `datasets`."""
    name: ArtifactName

    @property
    def key(self) -> str:
        """The primary key."""
        return f"{self.collection}/{self.name.repository.lower()}"

    def __str__(self) -> str:
        return self.name.repository


@dataclass(frozen=True, slots=True, kw_only=True)
class MirroredFile:
    """A file of a commit, as the upstream lists it."""

    path: str
    size_bytes: int
    blob_id: str
    """Git's blob id of the file or of its LFS pointer."""
    etag: str
    """SHA-256 of an LFS file, `blob_id` of a file in git."""

    @property
    def is_large(self) -> bool:
        """Whether the upstream stores it in Git LFS."""
        return self.etag != self.blob_id


@dataclass(frozen=True, kw_only=True)  # Without slots, for the cached properties.
class MirroredCommit:
    """An immutable commit of a repository."""

    commit_id: str
    description: Mapping[str, Any]
    files: tuple[MirroredFile, ...]
    fetched_at: datetime

    @cached_property
    def by_path(self) -> Mapping[str, MirroredFile]:
        """The files by path."""
        return {file.path: file for file in self.files}

    @cached_property
    def folders(self) -> Mapping[str, str]:
        """The git ids of all folders by path."""
        return folder_ids({file.path: file.blob_id for file in self.files})


def repository_of(name: ArtifactName) -> MirroredRepository:
    """Return the repository with the name of an artifact."""
    return MirroredRepository("datasets" if name.is_dataset else "models", name)


def origin_of(database: Database, repo: MirroredRepository) -> MirrorOrigin | None:
    """Return the origin of a repository; None if it is not mirrored yet."""
    rows = database.rows(
        "SELECT upstream, restricted, commit_id, fetched_at FROM mirrors JOIN mirror_commits USING (key) "
        "WHERE key = :key ORDER BY fetched_at DESC, commit_id LIMIT 1",
        {"key": repo.key},
    )
    if not rows:
        return None
    upstream, restricted, commit_id, fetched_at = rows[0]
    return MirrorOrigin(
        upstream=upstream, commit_id=commit_id, fetched_at=from_column(fetched_at), restricted=bool(restricted)
    )


def origin_of_name(database: Database, name: ArtifactName) -> MirrorOrigin | None:
    """Return the origin of the mirrored artifact with this name, or None."""
    return origin_of(database, repository_of(name))


def commit_of(database: Database, repo: MirroredRepository, commit_id: str) -> MirroredCommit | None:
    """Return a stored commit with its files, sorted by path, or None."""
    values = {"key": repo.key, "commit": commit_id}
    heads = database.rows("SELECT * FROM mirror_commits WHERE key = :key AND commit_id = :commit", values)
    if not heads:
        return None
    files = database.rows(
        "SELECT path, size_bytes, blob_id, etag FROM mirror_files WHERE key = :key AND commit_id = :commit ORDER BY path",
        values,
    )
    return MirroredCommit(
        commit_id=commit_id,
        description=json.loads(heads[0]["description"]),
        files=tuple(MirroredFile(**{name: row[name] for name in MirroredFile.__slots__}) for row in files),
        fetched_at=from_column(heads[0]["fetched_at"]),
    )


def ref_of(database: Database, repo: MirroredRepository, ref: str) -> tuple[str, datetime] | None:
    """Return the commit id of a branch or tag and the time of the last check, or None."""
    rows = database.rows(
        "SELECT commit_id, checked_at FROM mirror_refs WHERE key = :key AND name = :ref",
        {"key": repo.key, "ref": ref},
    )
    return (rows[0]["commit_id"], from_column(rows[0]["checked_at"])) if rows else None


def refs_of(database: Database, repo: MirroredRepository) -> dict[str, str]:
    """Return all stored refs: name → commit id."""
    rows = database.rows("SELECT name, commit_id FROM mirror_refs WHERE key = :key ORDER BY name", {"key": repo.key})
    return {row["name"]: row["commit_id"] for row in rows}


def blob_of(database: Database, etag: str) -> Digest | None:
    """Return the blob of a file; None if it is not fetched yet."""
    rows = database.rows("SELECT digest FROM mirror_blobs WHERE etag = :etag", {"etag": etag})
    return Digest(rows[0]["digest"]) if rows else None


def mark_used(database: Database, etag: str) -> None:
    """Record that a file was requested, at most once in USE_INTERVAL."""
    now = utc_now()
    database.execute(
        "UPDATE mirror_blobs SET used_at = :now WHERE etag = :etag AND (used_at IS NULL OR used_at < :before)",
        {"etag": etag, "now": to_column(now), "before": to_column(now - USE_INTERVAL)},
    )


def stored_bytes(database: Database) -> int:
    """Return the size of all stored files of mirrors."""
    return int(database.rows("SELECT COALESCE(SUM(size_bytes), 0) FROM mirror_blobs")[0][0])


def forget_least_used(database: Database, count_bytes: int, kept: str) -> dict[Digest, int]:
    """Forget the files that were not requested for longest, until they have `count_bytes`; never the one with the etag `kept`.

    Return the digests and sizes of their blobs, which another file may still need.
    """
    from sqlalchemy import delete

    from server.parts.mirror.tables import MirrorBlobRow

    forgotten: dict[str, tuple[Digest, int]] = {}
    for row in database.rows(
        "SELECT etag, digest, size_bytes FROM mirror_blobs WHERE etag <> :kept ORDER BY used_at IS NOT NULL, used_at, etag",
        {"kept": kept},
    ):
        if count_bytes <= 0:
            break
        forgotten[row["etag"]] = Digest(row["digest"]), row["size_bytes"]
        count_bytes -= row["size_bytes"]
    etags = list(forgotten)
    with database.transaction() as session:
        for start in range(0, len(etags), _BATCH):
            session.execute(delete(MirrorBlobRow).where(MirrorBlobRow.etag.in_(etags[start : start + _BATCH])))
    return dict(forgotten.values())


def blobs_of_mirrors(database: Database) -> set[Digest]:
    """Return the blobs of all mirrored commits."""
    rows = database.rows("SELECT DISTINCT digest FROM mirror_blobs JOIN mirror_files USING (etag)")
    return {Digest(row["digest"]) for row in rows}


def save_commit(
    database: Database, repo: MirroredRepository, commit: MirroredCommit, upstream: str, *, restricted: bool
) -> None:
    """Save a commit, unless it is already saved."""
    from server.parts.mirror.tables import MirrorCommitRow, MirrorFileRow, MirrorRow

    with database.transaction() as session:
        row = session.get(MirrorRow, repo.key)
        if row is None:
            row = MirrorRow(key=repo.key, name=str(repo.name), created_at=utc_now())
            session.add(row)
        row.upstream, row.restricted = upstream, restricted
        session.flush()
        if session.get(MirrorCommitRow, (repo.key, commit.commit_id)) is not None:
            return
        head = MirrorCommitRow(
            key=repo.key, commit_id=commit.commit_id, description=dict(commit.description), fetched_at=utc_now()
        )
        session.add(head)
        session.flush()
        session.add_all(
            MirrorFileRow(
                key=repo.key, commit_id=commit.commit_id, path=file.path, size_bytes=file.size_bytes,
                blob_id=file.blob_id, etag=file.etag,
            )
            for file in commit.files
        )  # fmt: skip


def save_ref(database: Database, repo: MirroredRepository, ref: str, commit_id: str) -> None:
    """Save the current commit of a ref."""
    from server.parts.mirror.tables import MirrorRefRow

    with database.transaction() as session:
        session.merge(MirrorRefRow(key=repo.key, name=ref, commit_id=commit_id, checked_at=utc_now()))


def save_blob(database: Database, etag: str, digest: Digest, size_bytes: int) -> None:
    """Save the blob of a file."""
    from server.parts.mirror.tables import MirrorBlobRow

    with database.transaction() as session:
        session.merge(MirrorBlobRow(etag=etag, digest=digest.hex, size_bytes=size_bytes, used_at=utc_now()))


def delete_mirror(session: Session, name: ArtifactName) -> None:
    """Delete a mirrored repository. Garbage collection removes its blobs."""
    from sqlalchemy import delete

    from server.parts.mirror.tables import MirrorRow

    session.execute(delete(MirrorRow).where(MirrorRow.key == repository_of(name).key))
