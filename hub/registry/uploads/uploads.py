"""Track which account uploaded which blob. Knowing a digest does not grant access to the bytes; see docs/internals/uploads.md."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from hub.names import ArtifactName, Digest
from hub.records import Artifact
from hub.registry.accounts.permissions import Account, Caller
from hub.registry.artifacts.access_requests import may_download
from hub.registry.artifacts.rows import read_artifacts
from hub.registry.database.clock import to_column, utc_now

if TYPE_CHECKING:
    from hub.registry.database.database import Database

RETENTION_DAYS = 30.0
"""How long an unreferenced upload stays usable for its account. Clients cache what they have uploaded for four weeks."""


def record_upload(database: Database, account: Account, digest: Digest, size_bytes: int) -> None:
    """Record that the account has just uploaded a blob."""
    from hub.registry.tables.accounts import UploadRow

    with database.transaction() as session:
        session.merge(UploadRow(account_id=account.id, digest=digest.hex, size_bytes=size_bytes, at=utc_now()))


def may_copy(database: Database, caller: Caller, source: Artifact, target: Artifact) -> bool:
    """Return whether the caller may copy files of `source` to `target`: those that it may download.

    Gated files stay gated: only administrators of the source can copy them to a repository without a gate.
    """
    stays_gated = not source.gated or bool(target.gated) or caller.may_administer(source.name)
    return stays_gated and may_download(database, caller, source)


def size_of_upload(database: Database, caller: Caller, digest: Digest, target: Artifact) -> int | None:
    """Return the size in bytes of a blob that the caller may reference in a commit to `target`; None if it must be uploaded.

    Allowed are blobs that the account has uploaded, that `target` has already, and those that `may_copy` allows.
    """
    if caller.account is None:
        return None
    if (size_bytes := uploaded_size(database, caller.account, digest)) is not None:
        return size_bytes
    holders = database.rows(
        "SELECT DISTINCT artifact_id, size_bytes FROM files JOIN revisions ON revisions.id = revision_id "
        "WHERE digest = :digest LIMIT 100",
        {"digest": digest.hex},
    )
    artifacts = read_artifacts(database, [row["artifact_id"] for row in holders])
    readable = any(each.name == target.name or may_copy(database, caller, each, target) for each in artifacts)
    return int(holders[0]["size_bytes"]) if readable else None


def uploaded_size(database: Database, account: Account, digest: Digest) -> int | None:
    """Return the size in bytes of a blob that the account has uploaded; None if it has not."""
    values = {"account": account.id, "digest": digest.hex}
    rows = database.rows("SELECT size_bytes FROM uploads WHERE account_id = :account AND digest = :digest", values)
    return int(rows[0][0]) if rows else None


def file_sizes(database: Database, name: ArtifactName, digests: Sequence[str]) -> dict[str, int]:
    """Map those of `digests` that a revision of the artifact contains to their size in bytes."""
    among, values = database.in_list("digest", digests, "digests")
    files = (
        "SELECT DISTINCT digest, files.size_bytes FROM files JOIN revisions ON revisions.id = revision_id "
        "JOIN artifacts ON artifacts.id = artifact_id WHERE key = :key"
    )
    rows = database.rows(f"{files} AND {among}", {"key": name.key, **values})
    return {row["digest"]: int(row["size_bytes"]) for row in rows}


def pending_bytes(database: Database, owner: ArtifactName, digests: dict[Digest, int]) -> int:
    """Return the total size in bytes of those of `digests` that no artifact of the owner contains yet."""
    pending = 0
    for digest, size in digests.items():
        rows = database.rows(
            "SELECT 1 FROM files JOIN revisions ON revisions.id = revision_id JOIN artifacts ON artifacts.id = artifact_id "
            "WHERE digest = :digest AND lower(owner) = :owner LIMIT 1",
            {"digest": digest.hex, "owner": owner.owner.lower()},
        )
        pending += 0 if rows else size
    return pending


def record_xorb(
    database: Database, account: Account, hash: str, digest: Digest, size_bytes: int, chunks: bytes
) -> bool:
    """Record an uploaded xorb. Return whether it is new to the account."""
    from hub.registry.tables.accounts import XorbRow

    with database.transaction() as session:
        known = session.get(XorbRow, (account.id, hash))
        if known is not None:
            known.used_at, known.digest = utc_now(), digest.hex
            return False
        session.add(
            XorbRow(
                account_id=account.id, hash=hash, digest=digest.hex, size_bytes=size_bytes, chunks=chunks, at=utc_now(), used_at=utc_now()
            )
        )  # fmt: skip
        return True


def find_xorb(database: Database, account_id: int, hash: str) -> tuple[Digest, bytes] | None:
    """Return the blob and the chunk table of a xorb that the account has uploaded; None for any other."""
    rows = database.rows(
        "SELECT digest, chunks FROM xorbs WHERE account_id = :account AND hash = :hash",
        {"account": account_id, "hash": hash},
    )
    return (Digest(rows[0]["digest"]), bytes(rows[0]["chunks"])) if rows else None


def touch_xorbs(database: Database, account_id: int, hashes: list[str]) -> None:
    """Record that a shard has just referenced these xorbs, which restarts their retention period."""
    from sqlalchemy import update

    from hub.registry.tables.accounts import XorbRow

    with database.transaction() as session:
        for hash in hashes:
            own = (XorbRow.account_id == account_id) & (XorbRow.hash == hash)
            session.execute(update(XorbRow).where(own).values(used_at=utc_now()))


def uploaded_digests(database: Database) -> set[Digest]:
    """Return the blobs uploaded, or used as xorbs, within RETENTION_DAYS: a commit may still reference them."""
    rows = database.rows(
        "SELECT digest FROM uploads WHERE at >= :since UNION SELECT digest FROM xorbs WHERE used_at >= :since",
        {"since": to_column(utc_now() - timedelta(days=RETENTION_DAYS))},
    )
    return {Digest(row[0]) for row in rows}
