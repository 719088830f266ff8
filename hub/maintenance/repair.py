"""Restore lost or damaged blobs from any copy: the registry, this machine, other stores and backups, the upstream, or another hub.

Every candidate is verified by its digest before it becomes the blob.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from hub.errors import DamagedFile, HubError
from hub.local import LocalHub
from hub.maintenance.backup import RECORD_FILE, STORE_FOLDER
from hub.names import COMMIT_DIGITS, Digest
from hub.publish.publish import manifest
from hub.records import Revision
from hub.registry.parts import origin_of
from hub.store import open_store


def repair(
    hub: LocalHub, damaged: list[Digest], endpoint: str | None = None, stores: Sequence[str] = ()
) -> list[Digest]:
    """Restore as many of the `damaged` blobs as possible. Return the restored ones.

    `endpoint`: URL of a hub to download files from that are not on this machine; None downloads nothing. `stores`: stores and
    folders of backups that may have copies. Raises InvalidRequest for an unsupported store.
    """
    sources = [open_store(_store_of(each)) for each in stores]
    sizes, manifests = hub.registry.blobs(), hub.registry.revision_names()
    repaired: list[Digest] = []
    for digest in sorted(set(damaged)):
        copies: Iterator[BinaryIO] = (
            _manifests(hub, digest) if digest in manifests else _local_copies(hub, digest, sizes.get(digest, -1))
        )
        if any(_restore(hub, digest, copies)):
            repaired.append(digest)
            continue
        for source in sources:
            with suppress(HubError), source.open(digest) as opened:
                hub.store.put(opened, digest)
                repaired.append(digest)
                break
        else:
            if endpoint is not None and any(_restore(hub, digest, _remote_copies(hub, digest, endpoint))):
                repaired.append(digest)
    hub.store.reexamine()  # Deletes the damaged bytes.
    return repaired


def _restore(hub: LocalHub, digest: Digest, copies: Iterator[BinaryIO]) -> Iterator[bool]:
    """Yield for each copy whether it had the right bytes, which are then stored."""
    for copy in copies:
        with copy:
            try:
                hub.store.put(copy, digest)
            except DamagedFile:
                yield False
                continue
        yield True


def _store_of(place: str) -> str:
    """Return the address of a store; for the folder of a backup, that of the store in it."""
    is_backup = "://" not in place and Path(place, RECORD_FILE).is_file()
    return str(Path(place, STORE_FOLDER)) if is_backup else place


def _manifests(hub: LocalHub, digest: Digest) -> Iterator[BinaryIO]:
    for revision in _revisions(hub):
        if revision.id == digest.hex and hashlib.sha256(content := manifest(revision)).hexdigest() == digest.hex:
            yield io.BytesIO(content)


def _revisions(hub: LocalHub) -> Iterator[Revision]:
    for name in hub.registry.names():
        yield from hub.registry.revisions(name)


def _local_copies(hub: LocalHub, digest: Digest, size_bytes: int) -> Iterator[BinaryIO]:
    """Open files of this machine that may have the bytes: in Hugging Face's cache by name, in cards and snapshots by size."""
    from huggingface_hub.constants import HF_HUB_CACHE

    for path in Path(HF_HUB_CACHE).glob(f"*--*/blobs/{digest.hex}"):
        yield path.open("rb")
    for folder in (hub.home.cards, hub.home.snapshots):
        for path in folder.rglob("*"):  # Snapshots contain copies where links are not supported.
            if not path.is_symlink() and path.is_file() and path.stat().st_size == size_bytes:
                yield path.open("rb")


def _remote_copies(hub: LocalHub, digest: Digest, endpoint: str) -> Iterator[BinaryIO]:
    """Download files that should have the bytes: of the same artifact at `endpoint`, and of upstream repositories."""
    with tempfile.TemporaryDirectory(prefix="hub-repair-") as scratch:
        for number, source in enumerate(_sources(hub, digest, endpoint)):
            if found := _fetch(*source, Path(scratch, str(number))):
                yield found.open("rb")


def _sources(hub: LocalHub, digest: Digest, endpoint: str) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield endpoint, kind, repository, revision and path of files with this digest."""
    for revision in _revisions(hub):
        kind = "dataset" if revision.artifact.is_dataset else "model"
        for file in revision.files:
            if file.digest == digest:
                name = revision.artifact.repository
                if (origin := origin_of(hub.registry.database, revision.artifact)) is not None:
                    yield origin.upstream, kind, name, origin.commit_id, file.path
                yield endpoint, kind, name, revision.id[:COMMIT_DIGITS], file.path
    for name in hub.registry.names():
        for each in hub.registry.get(name).upstream:
            if each.digest == digest.hex:
                yield endpoint, "model", each.repository, each.revision or "main", each.file


def _fetch(endpoint: str, kind: str, repository: str, revision: str, path: str, scratch: Path) -> Path | None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        found = hf_hub_download(
            repository, path, repo_type=kind, revision=revision, endpoint=endpoint, local_dir=scratch
        )
    except (HfHubHTTPError, HubError, OSError, ValueError):
        return None  # The hub does not have this file.
    return Path(found)
