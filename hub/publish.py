"""Publish a folder: check it, keep its bytes, make it known, then do what follows from that.

The order is crates.io's and never another: everything is checked before anything is kept; blobs are durable before the
one transaction that names them; what is derived comes after it, from the outbox, as often as needed. A crash leaves
blobs that nobody names, never a row without bytes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hub.cards import describe
from hub.cards.contents import check_contents
from hub.errors import Conflict, WrongName
from hub.names import ArtifactName, Digest
from hub.records import Artifact, File, Revision, weights_digest
from hub.registry import Registry
from hub.store import BlobStore


def publish(
    folder: Path,
    name: ArtifactName,
    registry: Registry,
    store: BlobStore,
    *,
    message: str = "",
    parent: str | None = None,
) -> Revision:
    """Make the content of `folder` the newest revision of `name`. The same content again gives the head as it is.

    `parent` is the revision that must still be the head; without it, the head at the beginning of the call.
    Raises WrongCard, WrongSource or WrongName for content that may not be published, Conflict when somebody else was
    first, Unreachable when bytes cannot be kept.
    """
    paths = check_contents(folder)
    artifact = describe(folder, name)
    head = registry.head(name)
    if parent is not None and parent != (head or ""):
        raise Conflict(
            f"`{name}` is at revision {(head or 'none')[:12]}, not {parent[:12] or 'none'}: pull it, then push again."
        )
    newest = registry.revision(name, head) if head is not None else None
    if newest is not None and newest.artifact != name:
        raise WrongName(f"`{name}` differs from `{newest.artifact}` in upper and lower case alone: use that name.")
    files = tuple(File(path, *store.put_file(folder / path)) for path in paths)
    if newest is not None and newest.files == files:
        return newest
    revision = make_revision(name, files, parent=head or "", message=message)
    store.put(manifest(revision), Digest(revision.id))
    registry.record(with_files(artifact, files), revision, head)
    drain_outbox(registry, store)
    return registry.revision(name, revision.id)


def make_revision(name: ArtifactName, files: tuple[File, ...], *, parent: str, message: str) -> Revision:
    """A revision of now, known by the SHA-256 of its manifest."""
    unnamed = Revision(
        id="", artifact=name, number=1, created_at=datetime.now(UTC), message=message, files=files, parent=parent
    )
    return dataclasses.replace(unnamed, id=hashlib.sha256(manifest(unnamed)).hexdigest())


def manifest(revision: Revision) -> bytes:
    """Everything that makes a revision what it is, as canonical JSON. It is kept as a blob."""
    content = {
        "artifact": str(revision.artifact),
        "created_at": revision.created_at.astimezone(UTC).isoformat(),
        "files": [
            {"path": file.path, "digest": file.digest.hex, "size_bytes": file.size_bytes} for file in revision.files
        ],
        "message": revision.message,
        "parent": revision.parent,
    }
    return canonical(content)


def canonical(content: Any) -> bytes:
    """JSON with one spelling: sorted keys, no spaces, UTF-8."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def with_files(artifact: Artifact, files: Iterable[File]) -> Artifact:
    """The artifact with what follows from its files."""
    kept = tuple(files)
    return dataclasses.replace(
        artifact, weights_digest=weights_digest(kept), size_bytes=sum(file.size_bytes for file in kept)
    )


def drain_outbox(registry: Registry, store: BlobStore) -> None:
    """Write what is derived from the registry's transactions: the store's reference of each artifact that changed.

    A reference lists the revisions, so that `hub index` can rebuild a registry that was deleted. Doing it twice is harmless.
    """
    debts = registry.debts()
    known = {ArtifactName.parse(each, "").key for each in registry.names()}
    for subject in dict.fromkeys(debt.subject for debt in debts):
        name = ArtifactName.parse(subject, "")
        if name.key in known:
            store.write_reference(name, reference(registry, name))
        else:
            store.delete_reference(name)
    registry.settle(debts)


def reference(registry: Registry, name: ArtifactName) -> bytes:
    """What the store remembers of an artifact: its revisions, oldest first, and which of them are withdrawn."""
    revisions = sorted(registry.revisions(name), key=lambda each: each.number)
    content = {
        "artifact": str(name),
        "format": 1,
        "revisions": [{"id": each.id, "yanked": each.yanked} for each in revisions],
    }
    return canonical(content) + b"\n"
