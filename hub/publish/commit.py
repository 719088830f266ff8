"""Commit changes to the files of an artifact, as received over HTTP. See docs/internals/uploads.md.

The blobs are already in the store. The changes are applied to the files of a branch, the result is validated as by `hub push`,
and one transaction makes it the head.
"""

from __future__ import annotations

import dataclasses
import tempfile
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from hub.cards import read_card
from hub.cards.describe import describe_repository
from hub.cards.policy import ANY, check_duplicates, file_problem
from hub.errors import (
    Conflict,
    DamagedBlob,
    DamagedFile,
    Forbidden,
    InvalidCard,
    InvalidSource,
    StaleParent,
    UnknownFile,
    UnknownRevision,
)
from hub.names import ArtifactName
from hub.publish.checks.bases import unknown_bases
from hub.publish.checks.claims import check_claims
from hub.publish.checks.limits import MAX_CARD, MAX_FILES, MAX_FOLDERS, folders_above, is_described_by
from hub.publish.checks.mark_files import mark_files
from hub.publish.new_repository import ATTRIBUTES, attributes_of_new
from hub.publish.publish import drain_outbox, make_revision, record, with_files
from hub.records import DATASET, PLAIN, Artifact, File, Repository, Revision
from hub.registry import Registry
from hub.registry.accounts.file_policy import file_policy, way_out
from hub.registry.accounts.permissions import Actor
from hub.registry.artifacts.history import newest_unyanked
from hub.registry.moderation.hidden_artifacts import find_hidden
from hub.registry.refs import BRANCH, WRITING, find_ref
from hub.store import BlobStore

INITIAL_MESSAGE = "initial commit"
"""Message of the first revision of a new repository, which has a `.gitattributes`."""
_MAX_ATTEMPTS = 20
"""How often a commit is retried when the branch has moved in the meantime."""
_STALE = "The branch was updated since you opened this page. Please refresh and try again."
"""The Hugging Face Hub's message, which its clients recognise."""


@dataclasses.dataclass(frozen=True, slots=True)
class Deletion:
    """A file to delete, or a folder with its content. `is_folder` is True if the client says that it is one."""

    path: str
    is_folder: bool = False


Change = File | Deletion


def create(
    name: ArtifactName, registry: Registry, store: BlobStore, actor: Actor, *, private: bool = False
) -> Revision:
    """Create an artifact with a `.gitattributes` only: a data set if its name is one's. Raises Conflict if the name is taken."""
    artifact = Artifact(
        name=name, kind=DATASET if name.is_dataset else PLAIN, summary="", license="", languages=(), private=private
    )
    attributes = File(ATTRIBUTES, *store.put(attributes_of_new(is_dataset=name.is_dataset)))
    revision = make_revision(name, (attributes,), message=INITIAL_MESSAGE, created_at=datetime.now(UTC))
    return record(artifact, revision, "", registry, store, actor=actor)


def duplicate(
    artifact: Artifact, target: ArtifactName, registry: Registry, store: BlobStore, actor: Actor, *, private: bool
) -> Revision:
    """Create an artifact with the files of another one's head; it is gated if the original is.

    Raises Conflict if the name is taken, InvalidSource for files that are allowed only in the original, and Forbidden if an
    administrator has hidden the original.
    """
    if find_hidden(registry.database, artifact.name) is not None:
        raise Forbidden(
            f"`{artifact.name}` was hidden by an administrator, and cannot be duplicated: its page says why."
        )
    source = registry.revision(artifact.name)
    renamed = dataclasses.replace(artifact, name=target, private=private, allow_unsafe_files=False)
    if policy_of(renamed, registry) != policy_of(artifact, registry):
        check(renamed, source.files, (), registry, store)
    check_bytes(artifact.name, source.files, source.files, store)
    described = with_files(describe_files(renamed, source.files, store), source.files, store, artifact.weights)
    message = f"Duplicate {artifact.name} at {source.id[:12]}"
    revision = make_revision(target, source.files, message=message, created_at=datetime.now(UTC))
    return record(described, revision, "", registry, store, actor=actor)


def commit(
    artifact: Artifact,
    changes: Sequence[Change],
    registry: Registry,
    store: BlobStore,
    actor: Actor,
    *,
    message: str,
    branch: str = "main",
    parent: str = "",
    readers: tuple[str, ...] | None = (),
) -> Revision:
    """Apply `changes`, whose blobs are in the store, to a branch of `artifact`. Return the new head, or the old one if nothing changes.

    `parent`: the id, or a prefix of it, that the branch must still be at. `readers`: see `Query.readers`; a new card can name private
    bases only of these owners. Raises UnknownRevision for an unknown branch, StaleParent,
    UnknownFile for the deletion of an unknown file, InvalidPath, InvalidSource, InvalidCard.
    """
    branch = _branch(artifact, branch, registry)
    for _ in range(_MAX_ATTEMPTS):
        head = registry.tip(artifact.name, branch)
        if _is_replay(head, changes, message, registry):
            return head
        if parent and not head.id.startswith(parent):
            raise StaleParent(_STALE)
        files = apply(head, changes)
        if files == head.files:
            return head
        described = with_files(check(artifact, files, head.files, registry, store), files, store, artifact.weights)
        check_claims(described, files, registry)
        _check_bases(described, files, head.files, registry, store, readers)
        revision = make_revision(artifact.name, files, message=message, parent=head.id, created_at=datetime.now(UTC))
        try:
            return record(described, revision, head.id, registry, store, branch=branch, actor=actor)
        except Conflict:
            continue
    raise Conflict(f"`{artifact.name}` changes too quickly: another commit was first {_MAX_ATTEMPTS} times. Try again.")


def squash(
    artifact: Artifact, registry: Registry, store: BlobStore, actor: Actor, *, message: str, branch: str
) -> Revision:
    """Replace the head of a branch by a revision with the same files and no parent. Earlier revisions stay available by id.

    Raises UnknownRevision for an unknown branch.
    """
    branch = _branch(artifact, branch, registry)
    head = registry.tip(artifact.name, branch)
    check_bytes(artifact.name, head.files, head.files, store)
    revision = make_revision(artifact.name, head.files, message=message, created_at=datetime.now(UTC))
    revision = dataclasses.replace(revision, yanked=head.yanked)
    described = with_files(describe_files(artifact, head.files, store), head.files, store, artifact.weights)
    return record(described, revision, head.id, registry, store, branch=branch, actor=actor)


def yank(
    artifact: Artifact,
    revision: str,
    registry: Registry,
    store: BlobStore,
    actor: Actor,
    *,
    yanked: bool = True,
    reason: str = "",
) -> Revision:
    """Yank a revision, or the last one of a branch, without deleting it; `yanked=False` undoes it. Return the revision.

    Afterwards, the artifact is described by the current revision of `main`, or as before if all are yanked.
    """
    found = registry.tip(artifact.name, revision)
    known = {each.id: each for each in registry.revisions(artifact.name, with_files=False)}
    known[found.id] = dataclasses.replace(found, yanked=yanked)
    current = newest_unyanked(known, registry.head(artifact.name) or "")
    described = None
    if current is not None:
        files = registry.revision(artifact.name, current.id).files
        described = with_files(describe_files(artifact, files, store), files, store, artifact.weights), current
    revised = registry.yank(
        artifact.name, found.id, yanked=yanked, current=described, actor=actor, reason=reason
    )  # fmt: skip
    drain_outbox(registry, store)
    return revised


def apply(head: Revision, changes: Sequence[Change]) -> tuple[File, ...]:
    """Return the files of `head` after `changes` in order, sorted by path. Raises UnknownFile for the deletion of an unknown file."""
    files = {file.path: file for file in head.files}
    ordered = sorted(files)  # In which the content of a folder is found without reading all paths.
    for change in changes:
        if isinstance(change, File):
            if change.path not in files:
                insort(ordered, change.path)
            files[change.path] = change
            continue
        path = change.path.rstrip("/")
        deleted = [path] if path in files and not change.is_folder else []
        if not deleted:  # A folder, also if the client does not say so. `0` follows `/`.
            deleted = ordered[bisect_left(ordered, f"{path}/") : bisect_left(ordered, f"{path}0")]
            del ordered[bisect_left(ordered, f"{path}/") : bisect_left(ordered, f"{path}0")]
        deleted = list(dict.fromkeys(each for each in deleted if each in files))
        if not deleted:
            raise UnknownFile(path, files, listing=f"hub show {head.artifact}")
        for each in deleted:
            del files[each]
    return tuple(sorted(files.values(), key=lambda file: file.path))


def check(
    artifact: Artifact, files: tuple[File, ...], before: Iterable[File], registry: Registry, store: BlobStore
) -> Artifact:
    """Check that `files` may be published, mark those that can run code, and return the artifact that the files describe.

    Raises InvalidPath, InvalidSource, InvalidCard.
    """
    if len(files) > MAX_FILES:
        raise InvalidSource(f"`{artifact.name}` would have {len(files)} files, the maximum is {MAX_FILES}.")
    before = tuple(before)
    check_duplicates((file.path for file in files), {file.path for file in before})
    folders = folders_above(file.path for file in files)
    if len(folders) > MAX_FOLDERS:
        raise InvalidSource(f"`{artifact.name}` would have more than {MAX_FOLDERS} folders: nest them less deeply.")
    problems = [f"`{file.path}` is a file and a folder" for file in files if file.path in folders]
    check_bytes(artifact.name, files, before, store)
    policy = policy_of(artifact, registry)
    known = {(file.path, file.digest) for file in before}
    changed = [file for file in files if (file.path, file.digest) not in known]
    refused = []
    for file in changed:
        with store.open(file.digest, file.size_bytes) as opened:
            problem = file_problem(file.path, opened, file.size_bytes, policy=policy)
        refused += [problem] if problem else []
    if problems or refused:
        raise InvalidSource(
            f"this change to `{artifact.name}` was rejected: {'; '.join((problems + refused)[:20])}."
            + (f" {way_out(artifact.name, policy)}" if policy != ANY and refused else "")
        )
    described = describe_files(artifact, files, store)
    mark_files(changed, registry, store)
    return described


def _check_bases(
    artifact: Artifact,
    files: Iterable[File],
    before: Iterable[File],
    registry: Registry,
    store: BlobStore,
    readers: tuple[str, ...] | None,
) -> None:
    """Raise InvalidCard if a new linguahub card names a base that does not exist, as `hub push` does."""
    card = {file.digest: file for file in files if file.path == "README.md"}
    if artifact.kind in {PLAIN, DATASET} or card.keys() <= {file.digest for file in before if file.path == "README.md"}:
        return
    with card_folder(card.values(), store) as folder:
        bases = read_card(folder, artifact.name).bases
    for problem in unknown_bases(bases, lambda base: registry.get(base, readers)):
        raise problem


def check_bytes(name: ArtifactName, files: Iterable[File], before: Iterable[File], store: BlobStore) -> None:
    """Check that the store has the bytes of `files`: it reads all bytes of those that are not in `before`.

    Bytes that this process has received or verified are not read again. Raises InvalidSource, so that clients send the bytes again.
    """
    known = {(file.path, file.digest) for file in before}
    damaged = set(store.quarantined())
    lost = []
    for file in files:
        try:
            if (file.path, file.digest) not in known:
                store.confirm(file.digest, file.size_bytes)
            elif file.digest in damaged:
                raise DamagedBlob(file.digest.hex)
        except DamagedFile:
            lost.append(f"`{file.path}` ({file.digest})")
    if lost:
        raise InvalidSource(
            f"this change to `{name}` was rejected: the stored bytes of {', '.join(lost[:20])} are damaged: upload "
            f"{'them' if lost[1:] else 'the file'} again with this change."
        )


def policy_of(artifact: Repository, registry: Registry) -> str:
    """Return the file policy of an artifact: that of its owner or of the server, unless an administrator has made an exception."""
    return file_policy(registry.database, artifact.name.owner, allow_unsafe_files=artifact.allow_unsafe_files)


def describe_files(artifact: Artifact, files: Iterable[File], store: BlobStore) -> Artifact:
    """Return the artifact that the card and configs among `files` describe, with its settings unchanged. Raises InvalidCard."""
    with card_folder(files, store) as folder:
        found = describe_repository(folder, artifact.name)
    return dataclasses.replace(
        found, private=artifact.private, gated=artifact.gated, allow_unsafe_files=artifact.allow_unsafe_files
    )


@contextmanager
def card_folder(files: Iterable[File], store: BlobStore) -> Iterator[Path]:
    """Write README.md and the config.json of each variant to a temporary folder. Raises InvalidCard."""
    with tempfile.TemporaryDirectory() as folder:
        for file in files:
            if is_described_by(file.path):
                if file.size_bytes > MAX_CARD:
                    raise InvalidCard(f"`{file.path}` has {file.size_bytes} bytes, the maximum is {MAX_CARD}.")
                target = Path(folder, file.path)
                target.parent.mkdir(exist_ok=True)
                with store.open(file.digest, file.size_bytes) as opened:
                    target.write_bytes(opened.read())
        yield Path(folder)


def _branch(artifact: Artifact, name: str, registry: Registry) -> str:
    """Return the name of a branch, without git's prefix. Raises UnknownRevision for an unknown branch, and for tags and aliases."""
    refs = registry.refs(artifact.name)
    found = find_ref(refs, name, WRITING)
    if found is None or found.kind != BRANCH:
        raise UnknownRevision(name, [each.name for each in refs], listing=f"hub show {artifact.name}")
    return found.name


def _is_replay(head: Revision, changes: Sequence[Change], message: str, registry: Registry) -> bool:
    """Return whether `head` is the result of this commit: the client has lost the response and retries."""
    if not head.parent or head.message != message:
        return False
    try:
        return apply(registry.revision(head.artifact, head.parent), changes) == head.files
    except (UnknownFile, UnknownRevision):
        return False
