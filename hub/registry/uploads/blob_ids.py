"""The names that other systems give to blobs: git's id of a text, and the Xet hash of any file.

Both are computed from the content, once, and stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from hub.errors import HubError
from hub.git_objects import blob_id
from hub.names import Digest
from hub.records import File
from hub.store import BlobStore

if TYPE_CHECKING:
    from hub.registry.database.database import Database

MAX_HASHED = 4 << 30
"""Bytes that one call reads to compute Xet hashes: 20 seconds of work."""
GIT, XET = "git", "xet"


def git_ids(database: Database, store: BlobStore, files: Iterable[File]) -> dict[Digest, str]:
    """Return git's ids of blobs, which are read whole: only for short texts. Blobs that cannot be read are left out."""

    def compute(file: File) -> str:
        try:
            with store.open(file.digest, file.size_bytes) as opened:
                return blob_id(opened.read())
        except HubError:  # A list of files must not fail for one that is damaged.
            return ""

    return _ids(database, GIT, files, compute)


def xet_hashes(database: Database, store: BlobStore, files: Iterable[File]) -> dict[Digest, str]:
    """Return the Xet hashes of blobs: those that are known, and those of files on this machine, up to MAX_HASHED bytes in total."""
    left = MAX_HASHED

    def compute(file: File) -> str:
        nonlocal left
        if file.size_bytes > left:
            return ""
        left -= file.size_bytes
        try:
            path = store.path(file.digest, file.size_bytes)
        except HubError:
            return ""
        if path is None:
            return ""
        try:
            from hf_xet import hash_files  # A dependency of huggingface_hub on common processors only.
        except ImportError:
            return ""
        return str(hash_files([str(path)])[0].hash)

    return _ids(database, XET, files, compute)


def record_xet_hash(database: Database, digest: Digest, xet_hash: str) -> None:
    """Record the Xet hash of a file that was uploaded by Xet."""
    _record(database, XET, {digest: xet_hash})


def _ids(database: Database, system: str, files: Iterable[File], compute: Callable[[File], str]) -> dict[Digest, str]:
    wanted = {file.digest: file for file in files}
    if not wanted:
        return {}
    among, values = database.in_list("digest", [each.hex for each in wanted], "digests")
    question = f"SELECT digest, id FROM blob_ids WHERE system = :system AND {among}"  # noqa: S608 - a condition of the database
    found = {Digest(row["digest"]): str(row["id"]) for row in database.rows(question, {"system": system, **values})}
    missing = (file for digest, file in wanted.items() if digest not in found)
    computed = {file.digest: id for file in missing if (id := compute(file))}
    if computed:
        _record(database, system, computed)
    return found | computed


def _record(database: Database, system: str, ids: dict[Digest, str]) -> None:
    from hub.registry.tables.trust import BlobIdRow

    with database.transaction() as session:
        for digest, id in ids.items():
            session.merge(BlobIdRow(digest=digest.hex, system=system, id=id))
