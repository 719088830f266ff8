"""A copy of registry and store while both are in use, and putting it back.

The order makes it consistent: first one state of the registry, then all blobs. A row never exists without its bytes and
blobs are collected weeks after they were last named, so whatever that state names is copied. `backup.json` is written
last: a folder without it is no backup.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from hub.errors import DamagedFile, InvalidRequest, Unknown, Unreachable
from hub.names import ArtifactName, Digest
from hub.publish.publish import canonical
from hub.registry import Registry
from hub.registry.accounts.server_settings import renew_epoch
from hub.registry.database.database import Database
from hub.store import BlobStore, FolderStore

RECORD = "backup.json"
STORE = "store"


@dataclasses.dataclass(frozen=True, slots=True)
class BackupReport:
    """What was copied."""

    blobs: int
    size_bytes: int
    linked: int
    """Blobs that take no room of their own: links to the store's files, or there from an earlier backup."""
    faults: tuple[str, ...]
    """Blobs that are damaged here and so could not be copied."""


def back_up(registry: Registry, store: BlobStore, folder: Path) -> BackupReport:
    """Copy everything into `folder`: a new one, or that of an earlier backup, whose blobs are not copied again.

    Raises InvalidRequest for a folder that holds something else, Unreachable for one that cannot be written.
    """
    former = (
        registry.database.backup_name
    )  # A backup that was killed leaves journals beside it, of the same name and more.
    if folder.exists() and (not folder.is_dir() or not all(_is_ours(each.name, former) for each in folder.iterdir())):
        raise InvalidRequest(f"{folder} holds something else than a backup: name a new folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / RECORD).unlink(missing_ok=True)
        for file in folder.glob(f"{former}*"):
            file.unlink()
        database = registry.database.backup(folder)
        report = _copy(store, FolderStore(folder / STORE))
        record = {
            "format": 1,
            "made_at": datetime.now(UTC).isoformat(),
            "database": database.name,
            "blobs": report.blobs,
        }
        (folder / RECORD).write_bytes(canonical(record) + b"\n")
    except OSError as error:
        raise Unreachable(f"cannot write {folder}: {error.strerror}. The backup is not complete.") from error
    return report


def restore(folder: Path, database: Database, store: BlobStore) -> int:
    """Put a backup's blobs and references into `store`, then its registry into an empty database; how many blobs.

    Blobs come first, each compared with its digest, so a restore that was stopped leaves no row without bytes and can be
    repeated. Raises InvalidRequest for a folder that is no backup or a registry that is not empty, DamagedFile for a wrong blob.
    """
    try:
        name = str(json.loads((folder / RECORD).read_bytes())["database"])
    except (OSError, ValueError, LookupError) as error:
        raise InvalidRequest(
            f"{folder} is no complete backup: it has no {RECORD}. Make one with `hub backup`."
        ) from error
    if name != database.backup_name:
        raise InvalidRequest(f"{folder} holds {name}, which {database.address} cannot take: look at DATABASE_URL.")
    kept = FolderStore(folder / STORE)
    restored = 0
    for digest in kept.digests():
        with kept.open(digest) as source:
            store.put(source, digest)
        restored += 1
    for subject, content in kept.references():
        store.write_reference(ArtifactName.parse(subject, ""), content)
    database.restore(folder / name)
    renew_epoch(database)  # Clients may believe that xorbs are here which came after the backup.
    return restored


def _copy(source: BlobStore, target: FolderStore) -> BackupReport:
    blobs = size_bytes = linked = 0
    faults = []
    for digest in source.digests():
        try:
            linked += _place(source, digest, target)
        except Unknown:
            continue  # Collected in the meantime, so nothing names it.
        except DamagedFile as error:
            faults.append(str(error))
            continue
        blobs += 1
        size_bytes += target.size(digest)
    names = set[str]()
    for subject, content in source.references():
        target.write_reference(ArtifactName.parse(subject, ""), content)
        names.add(subject)
    for subject, _ in list(target.references()):
        if subject not in names:
            target.delete_reference(ArtifactName.parse(subject, ""))
    return BackupReport(blobs, size_bytes, linked, tuple(faults))


def _place(source: BlobStore, digest: Digest, target: FolderStore) -> bool:
    """Bring one blob into a backup, verified; whether no byte had to be written."""
    if digest in target and _is_whole(target, digest):
        return True
    target.delete(digest)
    path = source.path(digest)
    if path is not None and target.adopt(path, digest):
        if _is_whole(target, digest):
            return True
        target.delete(digest)
        raise DamagedFile(f"blob {digest} holds other bytes than its name says: mend it with `hub verify --repair`.")
    with source.open(digest) as opened:
        target.put(opened, digest)
    return False


def _is_ours(name: str, former: str) -> bool:
    return name in {RECORD, STORE} or name.startswith(former)


def _is_whole(store: BlobStore, digest: Digest) -> bool:
    with store.open(digest) as opened:
        return hashlib.file_digest(cast("Any", opened), "sha256").hexdigest() == digest.hex
