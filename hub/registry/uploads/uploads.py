"""Track which account uploaded which blob. Knowing a digest does not grant access to the bytes; see docs/internals/uploads.md."""

# ruff: noqa: S608 - only constants and conditions with bound parameters are put into SQL here.
from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from hub.names import ArtifactName, Digest
from hub.records import Repository
from hub.registry.accounts.permissions import Account, Caller
from hub.registry.accounts.server_settings import renew_epoch
from hub.registry.artifacts.access_requests import may_download
from hub.registry.artifacts.rows import read_artifacts
from hub.registry.database.clock import to_column, utc_now

if TYPE_CHECKING:
    from hub.registry.database.database import Database

_HELD = (
    "SELECT 1 FROM files JOIN revisions ON revisions.id = revision_id JOIN artifacts ON artifacts.id = artifact_id "
    "WHERE lower(artifacts.owner) = :owner"
)
RETENTION_DAYS = 30.0
"""How long an unreferenced upload stays usable for its account. Clients cache what they have uploaded for four weeks."""


def record_upload(
    database: Database, caller: Caller, digest: Digest, size_bytes: int, *, owner: str = "", is_part: bool = False
) -> None:
    """Record that the caller has just uploaded a blob; see `record_uploads`."""
    record_uploads(database, caller, {digest: size_bytes}, owner=owner, is_part=is_part)


def record_uploads(
    database: Database, caller: Caller, sizes: Mapping[Digest, int], *, owner: str = "", is_part: bool = False
) -> None:
    """Record that the caller, who has an account, has just uploaded blobs of these sizes in bytes, or parts, in one transaction.

    `owner`: the account whose quota they count against.
    """
    from hub.registry.tables.accounts import NarrowUploadRow, UploadRow

    assert caller.account is not None, "uploads need an account"
    if not sizes:
        return
    with database.transaction() as session:
        for digest, size_bytes in sizes.items():
            own = {"account_id": caller.account.id, "digest": digest.hex}
            row = session.get(UploadRow, (caller.account.id, digest.hex))
            if row is None:
                row = UploadRow(**own, is_part=True)
                session.add(row)
            row.size_bytes, row.at, row.owner = size_bytes, utc_now(), owner.lower()
            row.is_part = row.is_part and is_part
            if caller.limit:
                session.merge(NarrowUploadRow(**own, artifact=caller.limit))


def may_copy(database: Database, caller: Caller, source: Repository, target: Repository) -> bool:
    """Return whether the caller may copy files of `source` to `target`: those that it may download.

    Gated files stay gated: only administrators of the source can copy them to a repository without a gate.
    """
    stays_gated = not source.gated or bool(target.gated) or caller.may_administer(source.name)
    return stays_gated and may_download(database, caller, source)


def size_of_upload(database: Database, caller: Caller, digest: Digest, target: Repository) -> int | None:
    """Return the size in bytes of a blob that the caller may reference in a commit to `target`; None if it must be uploaded.

    Allowed are blobs that the account has uploaded, that `target` has already, and those that `may_copy` allows.
    """
    if caller.account is None:
        return None
    if (size_bytes := uploaded_size(database, caller, digest)) is not None:
        return size_bytes
    holders = database.rows(
        "SELECT DISTINCT artifact_id, size_bytes FROM files JOIN revisions ON revisions.id = revision_id "
        "WHERE digest = :digest LIMIT 100",
        {"digest": digest.hex},
    )
    artifacts = read_artifacts(database, [row["artifact_id"] for row in holders])
    readable = any(each.name == target.name or may_copy(database, caller, each, target) for each in artifacts)
    return int(holders[0]["size_bytes"]) if readable else None


def uploaded_size(database: Database, caller: Caller, digest: Digest) -> int | None:
    """Return the size in bytes of a blob that the caller has uploaded; None if it has not.

    A token for one artifact has uploaded only what was uploaded with such a token: it must not publish, by their digests, bytes that
    its account has sent to another repository.
    """
    assert caller.account is not None, "uploads need an account"
    values = {"account": caller.account.id, "digest": digest.hex, "artifact": caller.limit}
    rows = database.rows(
        "SELECT size_bytes FROM uploads WHERE account_id = :account AND digest = :digest AND (:artifact = '' OR EXISTS "
        "(SELECT 1 FROM narrow_uploads WHERE account_id = :account AND digest = :digest AND artifact = :artifact))",
        values,
    )
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


def uncommitted_bytes(database: Database, owner: str, wanted: Mapping[Digest, int], *, raw_bytes: int = 0) -> int:
    """Return the size in bytes of uploads for an owner that are in none of its artifacts, with `wanted` blobs added.

    Parts and xorbs, of which `raw_bytes` are about to arrive, are the material of whole files: they count as far as they are larger
    than all files that were uploaded. So nothing counts twice when a file is assembled or an upload is repeated, and parts that are never
    assembled count nevertheless.
    """
    values = {"owner": owner.lower(), "since": _retained_since()}
    recent = "SELECT DISTINCT digest, size_bytes FROM uploads WHERE owner = :owner AND at >= :since AND"
    unheld = f"CASE WHEN EXISTS ({_HELD} AND digest = recent.digest) THEN 0 ELSE size_bytes END"
    sent, pending = database.rows(
        f"SELECT coalesce(sum(size_bytes), 0), coalesce(sum({unheld}), 0) FROM ({recent} NOT is_part) AS recent", values
    )[0]
    raw = database.rows(
        f"SELECT coalesce(sum(size_bytes), 0) FROM ({recent} is_part UNION SELECT DISTINCT digest, size_bytes FROM xorbs "
        "WHERE owner = :owner AND used_at >= :since) AS raw",
        values,
    )[0][0]
    new = sum(size for digest, size in wanted.items() if not _is_counted(database, owner, digest))
    return int(pending) + new + max(0, int(raw) + raw_bytes - int(sent) - new)


def _is_counted(database: Database, owner: str, digest: Digest) -> bool:
    """Return whether a blob is in an artifact of the owner, or among its recent uploads."""
    values = {"owner": owner.lower(), "digest": digest.hex, "since": _retained_since()}
    uploaded = "SELECT 1 FROM uploads WHERE digest = :digest AND owner = :owner AND at >= :since AND NOT is_part"
    return bool(database.rows(f"SELECT 1 WHERE EXISTS ({_HELD} AND digest = :digest) OR EXISTS ({uploaded})", values))


def _retained_since() -> str:
    return to_column(utc_now() - timedelta(days=RETENTION_DAYS))


def record_xorb(
    database: Database, account: Account, hash: str, digest: Digest, size_bytes: int, chunks: bytes, *, owner: str = ""
) -> bool:
    """Record an uploaded xorb. Return whether it is new to the account. `owner`: see `record_upload`."""
    from hub.registry.tables.accounts import XorbRow

    with database.transaction() as session:
        known = session.get(XorbRow, (account.id, hash))
        if known is not None:
            # A client may compress the same chunks otherwise, so that they are at other places of another blob.
            known.digest, known.size_bytes, known.chunks = digest.hex, size_bytes, chunks
            known.used_at, known.owner = utc_now(), owner.lower()
            return False
        session.add(
            XorbRow(
                account_id=account.id, hash=hash, digest=digest.hex, size_bytes=size_bytes, chunks=chunks, at=utc_now(), used_at=utc_now(),
                owner=owner.lower(),
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


def forget_xorbs(database: Database, digest: Digest) -> None:
    """Forget the xorbs that are this blob, whose bytes are lost, and make clients send again what they have sent before."""
    from sqlalchemy import delete

    from hub.registry.tables.accounts import XorbRow

    values = {"digest": digest.hex}
    if database.rows("SELECT 1 FROM xorbs WHERE digest = :digest LIMIT 1", values):
        with database.transaction() as session:
            session.execute(delete(XorbRow).where(XorbRow.digest == digest.hex))
        renew_epoch(database)


def uploaded_digests(database: Database) -> set[Digest]:
    """Return the blobs uploaded, or used as xorbs, within RETENTION_DAYS: a commit may still reference them."""
    rows = database.rows(
        "SELECT digest FROM uploads WHERE at >= :since UNION SELECT digest FROM xorbs WHERE used_at >= :since",
        {"since": _retained_since()},
    )
    return {Digest(row[0]) for row in rows}
