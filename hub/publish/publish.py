"""Publish a folder: validate it, store its blobs, record the revision, then run outbox jobs.

The order is that of crates.io: everything is validated before anything is stored; blobs are durable before the transaction that
references them; derived data is written after it, by outbox jobs with retries. A crash leaves unreferenced blobs, never a row
without its blob.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hub.cards import Card, describe
from hub.cards.policy import SAFETENSORS_ONLY, check_contents
from hub.errors import Conflict, DamagedFile, InvalidName, UnknownFile
from hub.names import ArtifactName, Digest
from hub.publish.checks.claims import check_claims
from hub.publish.checks.mark_files import mark_files
from hub.records import DATASET, PLAIN, Artifact, File, Revision
from hub.registry import Job, Registry
from hub.registry.accounts.file_policy import file_policy
from hub.registry.accounts.permissions import Actor
from hub.registry.outbox.queue import WRITE_REFERENCE
from hub.registry.outbox.worker import Task, run_due
from hub.registry.parts import origin_of, signature_in
from hub.registry.refs import BRANCH, TAG
from hub.store import BlobStore
from hub.weights.digest import weights_digest
from hub.weights.header import count_parameters

MAX_WEIGHTS_FILES = 1000
"""Maximum number of weights files of an artifact whose parameters are counted."""
REFERENCES = 20
"""References that are claimed at once. Each takes milliseconds, or one upload to a bucket."""
FROM_CARDS = "From the curated cards."
"""Message of every curated revision, which distinguishes it from pushed and pulled ones."""


def publish(
    folder: Path,
    name: ArtifactName,
    registry: Registry,
    store: BlobStore,
    *,
    message: str = "",
    parent: str | None = None,
) -> Revision:
    """Publish the content of `folder` as the newest revision of `name`. Return it, or the head if the content is unchanged.

    `parent`: the revision that must still be the head (default: the head at the beginning of the call). Raises InvalidCard,
    InvalidSource or InvalidName for invalid content, Conflict if someone else was first, Unreachable if blobs cannot be stored.
    """
    is_allowed = registry.head(name) is not None and registry.get(name).allow_unsafe_files
    paths = check_contents(folder, file_policy(registry.database, name.owner, allow_unsafe_files=is_allowed))
    artifact = describe(folder, name)
    name = artifact.name
    head = _head(name, registry)
    head_id = head.id if head else ""
    if parent is not None and parent != head_id:
        raise Conflict(
            f"`{name}` is at revision {head_id[:12] or 'none'}, not {parent[:12] or 'none'}: pull it, then push again."
        )
    files = _store_files(folder, paths, store)
    if head is not None and head.files == files:
        return head
    check_claims(artifact, files, registry)
    mark_files(files, registry, store)
    revision = make_revision(name, files, message=message, parent=head_id, created_at=datetime.now(UTC))
    return record(with_files(artifact, files, store), revision, head_id, registry, store)


def publish_card(folder: Path, name: ArtifactName, registry: Registry, store: BlobStore) -> Revision:
    """Publish a curated folder as the head of `name`, under an id that depends only on its content, so it is the same in every clone.

    Therefore the revision has neither time nor parent. A head that was built on the same content, such as by `hub pull`, which adds
    weights to a card, stays the head. Raises like `publish`.
    """
    artifact, revision = store_card(folder, name, store)
    name = artifact.name
    head = _head(name, registry)
    if head is not None and (head.id == revision.id or _builds_on(head, revision.files, registry)):
        return head
    return record(artifact, revision, head.id if head else "", registry, store)


def store_card(
    folder: Path, name: ArtifactName, store: BlobStore, card: Card | None = None
) -> tuple[Artifact, Revision]:
    """Store the files of a curated folder, and return its artifact and revision, which are not recorded yet. Raises like `publish`.

    `card`: the card in the folder, if it was read already.
    """
    paths = check_contents(folder, SAFETENSORS_ONLY)
    artifact = describe(folder, name, card)
    files = _store_files(folder, paths, store)
    return with_files(artifact, files, store), make_revision(name, files, message=FROM_CARDS)


def record_cards(entries: Sequence[tuple[Artifact, Revision]], registry: Registry, store: BlobStore) -> None:
    """Record the revisions of curated artifacts that do not exist yet, all in one transaction. Raises like `record`."""
    if entries:
        registry.record_new([(artifact, store_manifest(revision, registry, store)) for artifact, revision in entries])


def make_revision(
    name: ArtifactName, files: tuple[File, ...], *, message: str, parent: str = "", created_at: datetime | None = None
) -> Revision:
    """Create a revision, whose id is the SHA-256 of its manifest."""
    revision = Revision(
        id="", artifact=name, number=1, created_at=created_at, message=message, files=files, parent=parent
    )
    return dataclasses.replace(revision, id=hashlib.sha256(manifest(revision)).hexdigest())


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
    """Make a revision the head of a branch, and run the outbox jobs. Return the revision with its number.

    The files are in the store already. `artifact`: as the files describe it; `actor`: the originator on a server. Raises Conflict,
    InvalidSignature.
    """
    author = actor.name if actor else revision.author
    stored = store_manifest(dataclasses.replace(revision, author=author), registry, store)
    registry.record(artifact, stored, expected_parent or None, branch=branch, actor=actor)
    drain_outbox(registry, store)
    return dataclasses.replace(registry.revision(artifact.name, revision.id, with_files=False), files=stored.files)


def store_manifest(revision: Revision, registry: Registry, store: BlobStore) -> Revision:
    """Store the manifest of a revision. Return the revision with its verified signature. Raises InvalidSignature."""
    signature = signature_in(revision.files, revision.artifact, registry.database, store)
    store.put(manifest(revision), Digest(revision.id))
    return dataclasses.replace(revision, signature=signature)


def manifest(revision: Revision) -> bytes:
    """Return the manifest of a revision, whose digest is its id, as canonical JSON. It is stored as a blob."""
    content = {
        "artifact": str(revision.artifact),
        "created_at": revision.created_at.astimezone(UTC).isoformat() if revision.created_at else None,
        "files": [
            {"path": file.path, "digest": file.digest.hex, "size_bytes": file.size_bytes} for file in revision.files
        ],
        "message": revision.message,
        "parent": revision.parent,
    }
    return canonical_json(content)


def canonical_json(content: Any) -> bytes:
    """Encode JSON canonically: sorted keys, no spaces, UTF-8."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def with_files(
    artifact: Artifact, files: Iterable[File], store: BlobStore, counted: Mapping[str, dict[str, int]] | None = None
) -> Artifact:
    """Return the artifact with the fields that depend on its files. `counted`: parameters of weights files that are already known."""
    listed = tuple(files)
    return dataclasses.replace(
        artifact,
        weights_digest=weights_digest(listed),
        size_bytes=sum(file.size_bytes for file in listed),
        weights=count_weights(listed, store, counted or {}),
    )


def count_weights(
    files: Iterable[File], store: BlobStore, counted: Mapping[str, dict[str, int]]
) -> dict[str, dict[str, int]]:
    """Map the SHA-256 of each safetensors file to its number of parameters by dtype; empty above MAX_WEIGHTS_FILES files."""
    weights = [file for file in files if file.path.endswith(".safetensors")]
    if len(weights) > MAX_WEIGHTS_FILES:
        return {}
    found = {}
    for file in weights:
        parameters = counted.get(file.digest.hex)
        if parameters is None:
            try:
                with store.open(file.digest, file.size_bytes) as opened:
                    parameters = count_parameters(opened)
            except (ValueError, LookupError, TypeError, RecursionError, DamagedFile, UnknownFile):
                continue  # Published before headers were checked, or damaged since.
        found[file.digest.hex] = parameters
    return found


def drain_outbox(registry: Registry, store: BlobStore) -> None:
    """Run the outbox jobs that cannot wait: write the reference of each changed artifact to the store.

    A failed job stays in the outbox, and is retried by the next writer, a server's worker or `hub index`.
    """
    run_due(registry.database, [reference_task(registry, store)])


def reference_task(registry: Registry, store: BlobStore) -> Task:
    """Return the task that writes the reference of an artifact to the store. One run completes all jobs of the artifact.

    A reference lists the revisions, so that `hub index` can rebuild a deleted registry. The task is idempotent.
    """

    def write(job: Job) -> None:
        name = ArtifactName.parse(job.subject, "")
        former = ArtifactName(name.owner, name.name)
        if name.is_dataset and registry.head(former) is None:
            store.delete_reference(former)  # Before schema 0032, data sets shared the names of models.
        # A mirrored artifact would be restored as one of this hub.
        if registry.head(name) is not None and origin_of(registry.database, name) is None:
            store.write_reference(name, reference(registry, name))
        else:
            store.delete_reference(name)

    return Task(WRITE_REFERENCE, write, lease_s=30, batch=REFERENCES, coalesces=True)


def reference(registry: Registry, name: ArtifactName) -> bytes:
    """Return the reference of an artifact, as JSON: revisions, oldest first, refs and visibility."""
    revisions = sorted(registry.revisions(name, with_files=False), key=lambda each: each.number)
    repository = registry.repository(name)
    content: dict[str, Any] = {
        "artifact": str(name),
        "format": 1,
        "revisions": [
            {"id": each.id, "yanked": each.yanked, **({"author": each.author} if each.author else {})}
            for each in revisions
        ],
    }
    settings = {each: getattr(repository, each) for each in ("private", "gated", "allow_unsafe_files")}
    content |= {key: value for key, value in settings.items() if value}
    refs = registry.refs(name)
    if [(each.name, each.revision) for each in refs] != [("main", revisions[-1].id)]:
        branches = {each.name for each in refs if each.kind == BRANCH}
        content["refs"] = {
            f"refs/tags/{each.name}" if each.kind == TAG and each.name in branches else each.name: {
                "revision": each.revision,
                "kind": each.kind,
                **({"protected": True} if each.protected else {}),
            }
            for each in refs
        }
    if repository.kind in {PLAIN, DATASET}:
        content["kind"] = repository.kind
    return canonical_json(content) + b"\n"


def _head(name: ArtifactName, registry: Registry) -> Revision | None:
    """Return the head of `main`, or None. Raises InvalidName if the existing name differs in case."""
    head = registry.head(name)
    if head is None:
        return None
    found = registry.revision(name, head)
    if found.artifact != name:
        raise InvalidName(f"`{name}` differs from `{found.artifact}` only in upper and lower case: use that name.")
    return found


def _store_files(folder: Path, paths: Iterable[str], store: BlobStore) -> tuple[File, ...]:
    return tuple(File(path, *store.put_file(folder / path)) for path in paths)


def _builds_on(head: Revision, files: tuple[File, ...], registry: Registry) -> bool:
    """Return whether `head` is not curated, and its nearest curated ancestor has these `files`."""
    if head.message == FROM_CARDS:
        return False
    known = {each.id: each for each in registry.revisions(head.artifact)}
    while head.message != FROM_CARDS and head.parent in known:
        head = known[head.parent]
    return head.message == FROM_CARDS and head.files == files
