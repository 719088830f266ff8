"""Restore lost or damaged blobs from the registry, from copies on this machine, or from another hub.

Every candidate is verified by its digest before it replaces a blob.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hub.errors import HubError
from hub.local import LocalHub
from hub.names import COMMIT_DIGITS, Digest
from hub.publish.publish import manifest
from hub.records import Revision


def repair(hub: LocalHub, damaged: list[Digest], endpoint: str | None = None) -> list[Digest]:
    """Restore as many of the `damaged` blobs as possible. Return the restored ones.

    `endpoint`: URL of a hub to download files from that are not on this machine; None downloads nothing.
    """
    wanted = set(damaged)
    repaired: list[Digest] = []
    if not wanted:
        return repaired
    manifests = hub.registry.revision_names()
    for revision in _revisions(hub):
        digest = Digest(revision.id)
        if (
            digest in wanted
            and digest in manifests
            and hashlib.sha256(content := manifest(revision)).hexdigest() == digest.hex
        ):
            hub.store.delete(digest)
            hub.store.put(content, digest)
            repaired.append(digest)
    sizes = hub.registry.blobs()
    for digest in sorted(wanted - set(repaired)):
        for copy in _copies(hub, digest, sizes.get(digest, -1), endpoint):
            with copy.open("rb") as opened:
                if hashlib.file_digest(opened, "sha256").hexdigest() != digest.hex:
                    continue
                opened.seek(0)
                hub.store.delete(digest)
                hub.store.put(opened, digest)
            repaired.append(digest)
            break
    return repaired


def _revisions(hub: LocalHub) -> Iterator[Revision]:
    for name in hub.registry.names():
        yield from hub.registry.revisions(name)


def _copies(hub: LocalHub, digest: Digest, size_bytes: int, endpoint: str | None) -> Iterator[Path]:
    """Yield files that may have the bytes: local ones first."""
    for folder in (hub.home.cards, hub.home.snapshots):
        for path in folder.rglob("*"):  # Snapshots contain copies where links are not supported.
            if not path.is_symlink() and path.is_file() and path.stat().st_size == size_bytes:
                yield path
    if endpoint is None:
        return
    with tempfile.TemporaryDirectory(prefix="hub-repair-") as scratch:
        for revision in _revisions(hub):
            for file in revision.files:
                if file.digest == digest and (found := _fetch(revision, file.path, endpoint, Path(scratch))):
                    yield found


def _fetch(revision: Revision, path: str, endpoint: str, scratch: Path) -> Path | None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        found = hf_hub_download(
            str(revision.artifact), path, revision=revision.id[:COMMIT_DIGITS], endpoint=endpoint, local_dir=scratch
        )
    except (HfHubHTTPError, HubError, OSError, ValueError):
        return None  # The hub does not have this file.
    return Path(found)
