"""Publish a folder: check it, keep its bytes, make it known, then do what follows from that.

The order is crates.io's and never another: everything is checked before anything is kept; blobs are durable before the
one transaction that names them; what is derived comes after it, from the outbox, as often as needed. A crash leaves
blobs that nobody names, never a row without bytes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hub.cards import describe
from hub.cards.describe import DATASET
from hub.cards.policy import check_contents
from hub.errors import Conflict, InvalidName
from hub.names import ArtifactName, Digest
from hub.records import PLAIN, Artifact, File, Revision, weights_digest
from hub.registry import Job, Registry
from hub.registry.accounts.permissions import Actor
from hub.registry.artifacts.aliases import aliases
from hub.registry.artifacts.branches import kinds
from hub.registry.outbox.queue import WRITE_REFERENCE
from hub.registry.outbox.worker import Task, run_due
from hub.registry.parts import origin_of, signature_in
from hub.store import BlobStore
from hub.weights.header import count_parameters

MAX_WEIGHED = 1000
"""Weights files of an artifact whose numbers are counted."""
FROM_CARDS = "From the curated cards."
"""The message of every curated revision, by which it is told from what was pushed or pulled on top of it."""


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
    Raises InvalidCard, InvalidSource or InvalidName for content that may not be published, Conflict when somebody else was
    first, Unreachable when bytes cannot be kept.
    """
    paths = check_contents(folder)
    artifact = describe(folder, name)
    head = _head(name, registry)
    head_id = head.id if head else ""
    if parent is not None and parent != head_id:
        raise Conflict(
            f"`{name}` is at revision {head_id[:12] or 'none'}, not {parent[:12] or 'none'}: pull it, then push again."
        )
    files = _keep(folder, paths, store)
    if head is not None and head.files == files:
        return head
    revision = make_revision(name, files, message=message, parent=head_id, created_at=datetime.now(UTC))
    return record(with_files(artifact, files, store), revision, head_id, registry, store)


def publish_card(folder: Path, name: ArtifactName, registry: Registry, store: BlobStore) -> Revision:
    """Make a curated folder the head of `name`, under an id that its content alone decides: the same in every clone.

    It has neither time nor parent, which clones do not share. A head that somebody here has built on this very content,
    as `hub pull` does with the weights of a card, stays the head. Raises as `publish`.
    """
    paths = check_contents(folder)
    artifact = describe(folder, name)
    head = _head(name, registry)
    files = _keep(folder, paths, store)
    revision = make_revision(name, files, message=FROM_CARDS)
    if head is not None and (head.id == revision.id or _builds_on(head, files, registry)):
        return head
    return record(with_files(artifact, files, store), revision, head.id if head else "", registry, store)


def make_revision(
    name: ArtifactName, files: tuple[File, ...], *, message: str, parent: str = "", created_at: datetime | None = None
) -> Revision:
    """A revision known by the SHA-256 of its manifest."""
    unnamed = Revision(
        id="", artifact=name, number=1, created_at=created_at, message=message, files=files, parent=parent
    )
    return dataclasses.replace(unnamed, id=hashlib.sha256(manifest(unnamed)).hexdigest())


def record(
    artifact: Artifact,
    revision: Revision,
    expected_parent: str,
    registry: Registry,
    store: BlobStore,
    *,
    branch: str = "main",
    actor: Actor | None = None,
) -> Revision:
    """Make a revision whose files are in the store the head of a branch, and do what follows; the revision with its number.

    `artifact` is as those files make it, `actor` who does so on a server. Raises as `Registry.record`, and InvalidSignature.
    """
    author = actor.name if actor else revision.author
    kept = keep_manifest(dataclasses.replace(revision, author=author), registry, store)
    registry.record(artifact, kept, expected_parent or None, branch=branch, actor=actor)
    drain_outbox(registry, store)
    return registry.revision(artifact.name, revision.id)


def keep_manifest(revision: Revision, registry: Registry, store: BlobStore) -> Revision:
    """Put the manifest of a revision into the store; the revision with what its signature is worth. Raises InvalidSignature."""
    signature = signature_in(revision.files, revision.artifact, registry.database, store)
    store.put(manifest(revision), Digest(revision.id))
    return dataclasses.replace(revision, signature=signature)


def manifest(revision: Revision) -> bytes:
    """Everything that makes a revision what it is, as canonical JSON. It is kept as a blob."""
    content = {
        "artifact": str(revision.artifact),
        "created_at": revision.created_at.astimezone(UTC).isoformat() if revision.created_at else None,
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


def with_files(
    artifact: Artifact, files: Iterable[File], store: BlobStore, weighed: Mapping[str, dict[str, int]] | None = None
) -> Artifact:
    """The artifact with what follows from its files. `weighed` are weights whose numbers were counted before."""
    kept = tuple(files)
    return dataclasses.replace(
        artifact,
        weights_digest=weights_digest(kept),
        size_bytes=sum(file.size_bytes for file in kept),
        weights=weigh(kept, store, weighed or {}),
    )


def weigh(files: Iterable[File], store: BlobStore, weighed: Mapping[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    """SHA-256 of each safetensors file → its numbers by type, from the headers; empty for more than MAX_WEIGHED."""
    weights = [file for file in files if file.path.endswith(".safetensors")]
    if len(weights) > MAX_WEIGHED:
        return {}
    found = {}
    for file in weights:
        counted = weighed.get(file.digest.hex)
        if counted is None:
            try:
                with store.open(file.digest) as opened:
                    counted = count_parameters(opened)
            except (ValueError, LookupError, TypeError, RecursionError):
                continue  # Published before headers were checked.
        found[file.digest.hex] = counted
    return found


def drain_outbox(registry: Registry, store: BlobStore) -> None:
    """Do what is derived from the registry's transactions and cannot wait: the store's reference of each artifact that changed.

    What fails stays in the outbox with its reason, for the next writer, a server's worker or `hub index`: the transaction stands.
    """
    run_due(registry.database, [reference_task(registry, store)])


def reference_task(registry: Registry, store: BlobStore) -> Task:
    """Writes the store's reference of an artifact as it is now. One run serves all that is owed to the artifact.

    A reference lists the revisions, so that `hub index` can rebuild a registry that was deleted. Doing it twice is harmless.
    """

    def write(job: Job) -> None:
        name = ArtifactName.parse(job.subject, "")
        is_mirrored = (
            origin_of(registry.database, name) is not None
        )  # The upstream's to tell: here it would seem to be ours.
        if registry.head(name) is not None and not is_mirrored:
            store.write_reference(name, reference(registry, name))
        else:
            store.delete_reference(name)

    return Task(WRITE_REFERENCE, write, lease_s=30, coalesces=True)


def reference(registry: Registry, name: ArtifactName) -> bytes:
    """What the store remembers of an artifact: its revisions, oldest first, its branches and tags, and who may see it."""
    revisions = sorted(registry.revisions(name, with_files=False), key=lambda each: each.number)
    artifact = registry.get(name)
    content: dict[str, Any] = {
        "artifact": str(name),
        "format": 1,
        "revisions": [
            {"id": each.id, "yanked": each.yanked, **({"author": each.author} if each.author else {})}
            for each in revisions
        ],
    }
    settings = {"private": artifact.private, "gated": artifact.gated, "allow_unsafe_files": artifact.allow_unsafe_files}
    content |= {key: value for key, value in settings.items() if value}
    refs, kind_of = registry.refs(name), kinds(registry.database, name)
    if refs.keys() != {"main"} or refs["main"] != revisions[-1].id:
        protected = {each.name for each in aliases(registry.database, name) if each.protected}
        content["refs"] = {
            ref: {"revision": refs[ref], "kind": kind_of[ref], **({"protected": True} if ref in protected else {})}
            for ref in refs
        }
    if artifact.kind in {PLAIN, DATASET}:
        content["kind"] = artifact.kind
    return canonical(content) + b"\n"


def _head(name: ArtifactName, registry: Registry) -> Revision | None:
    """The newest revision; InvalidName where the artifact is spelt in other cases."""
    head = registry.head(name)
    if head is None:
        return None
    found = registry.revision(name, head)
    if found.artifact != name:
        raise InvalidName(f"`{name}` differs from `{found.artifact}` in upper and lower case alone: use that name.")
    return found


def _keep(folder: Path, paths: Iterable[str], store: BlobStore) -> tuple[File, ...]:
    return tuple(File(path, *store.put_file(folder / path)) for path in paths)


def _builds_on(head: Revision, files: tuple[File, ...], registry: Registry) -> bool:
    """Whether `head` is no curated revision, and the curated one among its ancestors holds `files`."""
    if head.message == FROM_CARDS:
        return False
    known = {each.id: each for each in registry.revisions(head.artifact)}
    while head.message != FROM_CARDS and head.parent in known:
        head = known[head.parent]
    return head.message == FROM_CARDS and head.files == files
