"""Back up registry and store while both are in use, and restore them.

The order makes the backup consistent: first one state of the registry, then all blobs. No row exists without its blob, and blobs
are garbage-collected only weeks after their last use, so all blobs of that state are copied. `backup.json` is written last; a
folder without it is not a complete backup.
"""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path

from hub.errors import DamagedBlob, DamagedFile, InvalidRequest, Unknown, Unreachable
from hub.names import ArtifactName, Digest
from hub.publish.publish import canonical_json
from hub.registry import Registry
from hub.registry.accounts.server_settings import find_setting, renew_epoch
from hub.registry.database.database import Database
from hub.store import BlobStore, FolderStore

RECORD_FILE = "backup.json"
STORE_FOLDER = "store"
_LAST = "backup"
"""The setting with the time of the last backup."""


@dataclasses.dataclass(frozen=True, slots=True)
class BackupReport:
    """The result of a backup."""

    blobs: int
    size_bytes: int
    linked: int
    """Number of blobs that needed no copy: hard links to the store's files, and those of an earlier backup."""
    faults: tuple[str, ...]
    """Messages on damaged blobs, which were not copied."""


def back_up(registry: Registry, store: BlobStore, folder: Path) -> BackupReport:
    """Back up registry and store to a new `folder`, or to that of an earlier backup, whose blobs are not copied again.

    Raises InvalidRequest if the folder contains other files, Unreachable if it cannot be written.
    """
    former = registry.database.backup_name  # An interrupted backup also leaves journals, whose names start with it.
    if folder.exists() and (
        not folder.is_dir() or not all(_is_backup_file(each.name, former) for each in folder.iterdir())
    ):
        raise InvalidRequest(f"{folder} contains other files than a backup: use a new folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / RECORD_FILE).unlink(missing_ok=True)
        for file in folder.glob(f"{former}*"):
            file.unlink()
        database = registry.database.backup(folder)
        report = _copy(store, FolderStore(folder / STORE_FOLDER))
        made_at = datetime.now(UTC).isoformat()
        record = {
            "format": 1,
            "made_at": made_at,
            "database": database.name,
            "blobs": report.blobs,
        }
        (folder / RECORD_FILE).write_bytes(canonical_json(record) + b"\n")
    except OSError as error:
        raise Unreachable(f"cannot write {folder}: {error.strerror}. The backup is not complete.") from error
    registry.database.execute(
        "INSERT INTO settings (name, value) VALUES (:name, :value) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        {"name": _LAST, "value": made_at},
    )
    return report


def last_backup(database: Database) -> datetime | None:
    """Return when the last complete backup was made; None if there was none."""
    found = find_setting(database, _LAST)
    return datetime.fromisoformat(found) if found else None


def restore(folder: Path, database: Database, store: BlobStore) -> int:
    """Restore a backup's blobs and references to `store`, then its registry to an empty database. Return the number of blobs.

    Blobs come first, each verified by its digest, so an interrupted restore leaves no row without its blob and can be repeated.
    Raises InvalidRequest for an incomplete backup or a registry that is not empty, DamagedFile for a damaged blob.
    """
    try:
        name = str(json.loads((folder / RECORD_FILE).read_bytes())["database"])
    except (OSError, ValueError, LookupError) as error:
        raise InvalidRequest(
            f"{folder} is not a complete backup: it has no valid {RECORD_FILE}. Create one with `hub backup`."
        ) from error
    if name != database.backup_name:
        raise InvalidRequest(f"{folder} contains {name}, which {database.address} cannot restore: check DATABASE_URL.")
    source = FolderStore(folder / STORE_FOLDER)
    restored = 0
    skipped = set() if isinstance(store, FolderStore) else set(source.xorbs())  # Other stores keep files whole.
    for digest in source.digests():
        if digest in skipped:
            continue
        if isinstance(store, FolderStore):
            store.copy_from(source, digest, by_link=False)
        else:
            with source.open(digest) as opened:
                store.put(opened, digest)
        restored += 1
    for subject, content in source.references():
        store.write_reference(ArtifactName.parse(subject, ""), content)
    database.restore(folder / name)
    renew_epoch(database)  # Clients may have cached xorbs that were uploaded after the backup.
    return restored


def _copy(source: BlobStore, target: FolderStore) -> BackupReport:
    blobs = size_bytes = linked = 0
    faults = []
    for digest in source.digests():
        try:
            linked += _copy_blob(source, digest, target)
        except Unknown:
            continue  # Garbage-collected in the meantime, so it is not referenced.
        except DamagedFile as error:
            faults.append(str(error))
            continue
        blobs += 1
        size_bytes += target.stored_size(digest)
    faults += [str(DamagedBlob(digest.hex)) for digest in source.quarantined() if digest.hex not in " ".join(faults)]
    target.reexamine()  # Deletes damaged bytes of an earlier backup that were replaced.
    names = set[str]()
    for subject, content in source.references():
        target.write_reference(ArtifactName.parse(subject, ""), content)
        names.add(subject)
    for subject, _ in list(target.references()):
        if subject not in names:
            target.delete_reference(ArtifactName.parse(subject, ""))
    return BackupReport(blobs, size_bytes, linked, tuple(faults))


def _copy_blob(source: BlobStore, digest: Digest, target: FolderStore) -> bool:
    """Copy one verified blob to a backup. Return whether no bytes had to be written. Raises DamagedBlob."""
    if _is_whole(target, digest):
        return True
    if isinstance(source, FolderStore):
        source.verify(digest)
        return target.copy_from(source, digest, by_link=True)
    with source.open(digest) as opened:
        target.put(opened, digest)
    return False


def _is_backup_file(name: str, former: str) -> bool:
    return name in {RECORD_FILE, STORE_FOLDER} or name.startswith(former)


def _is_whole(store: BlobStore, digest: Digest) -> bool:
    try:
        store.verify(digest)
    except (Unknown, DamagedFile):
        return False
    return True
