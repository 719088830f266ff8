"""Bring back blobs that are lost or damaged: from what the registry knows, from copies on this machine, from a hub upstream.

Nothing is believed: whatever is found is compared with the digest before it replaces anything.
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
    """Bring back what can be brought back of `damaged`; which blobs that were.

    `endpoint` is a hub that is asked for files that are nowhere on this machine; None asks nobody.
    """
    wanted = set(damaged)
    mended: list[Digest] = []
    if not wanted:
        return mended
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
            mended.append(digest)
    sizes = hub.registry.blobs()
    for digest in sorted(wanted - set(mended)):
        for copy in _copies(hub, digest, sizes.get(digest, -1), endpoint):
            with copy.open("rb") as opened:
                if hashlib.file_digest(opened, "sha256").hexdigest() != digest.hex:
                    continue
                opened.seek(0)
                hub.store.delete(digest)
                hub.store.put(opened, digest)
            mended.append(digest)
            break
    return mended


def _revisions(hub: LocalHub) -> Iterator[Revision]:
    for name in hub.registry.names():
        yield from hub.registry.revisions(name)


def _copies(hub: LocalHub, digest: Digest, size_bytes: int, endpoint: str | None) -> Iterator[Path]:
    """Files that may hold the bytes, nearest first."""
    for folder in (hub.home.cards, hub.home.snapshots):
        for path in folder.rglob("*"):  # Of snapshots, those where links could not be made.
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
        return None  # That hub has not got it; another one may.
    return Path(found)
