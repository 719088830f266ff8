"""Change some files of an artifact: what a commit over HTTP becomes. See docs/internals/uploads.md.

The bytes are in the store before; here the changes are applied to a branch's list of files, the result is checked as
`hub push` checks a folder, and one transaction makes it the head.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from hub.cards.describe import DATASET, describe_repository
from hub.cards.policy import check_duplicates, file_problem, kind_of
from hub.errors import Conflict, InvalidCard, InvalidSource, StaleParent, UnknownFile, UnknownRevision
from hub.names import ArtifactName
from hub.publish.publish import drain_outbox, make_revision, record, with_files
from hub.records import PLAIN, Artifact, File, Revision
from hub.registry import Registry
from hub.registry.accounts.permissions import Actor
from hub.registry.artifacts.branches import kinds
from hub.registry.artifacts.history import newest_unyanked
from hub.registry.artifacts.scans import flag
from hub.store import BlobStore

FIRST = "initial commit"
"""The message of the revision without files that a new repository begins with."""
MAX_FILES = 100_000
"""Of a revision."""
_MAX_CARD = 4 << 20
"""Bytes of README.md, and of a variant's config.json."""
_ROUNDS = 20
"""How often a commit that names no parent is tried again on top of somebody else's."""
_STALE = "The branch was updated since you opened this page. Please refresh and try again."
"""Hugging Face's own words, which its clients look for."""


@dataclasses.dataclass(frozen=True, slots=True)
class Deletion:
    """A file to be left out, or a folder with all below it."""

    path: str
    is_folder: bool = False


Change = File | Deletion


def create(
    name: ArtifactName, registry: Registry, store: BlobStore, actor: Actor, *, is_dataset: bool, private: bool = False
) -> Revision:
    """A new artifact without files. Raises Conflict when there is one of that name."""
    artifact = Artifact(
        name=name, kind=DATASET if is_dataset else PLAIN, summary="", license="", languages=(), private=private
    )
    revision = make_revision(name, (), message=FIRST, created_at=datetime.now(UTC))
    return record(artifact, revision, "", registry, store, actor=actor)


def duplicate(
    artifact: Artifact, target: ArtifactName, registry: Registry, store: BlobStore, actor: Actor, *, private: bool
) -> Revision:
    """A new artifact that begins with all files of another's head.

    Raises Conflict when there is one of that name, InvalidSource for files that were allowed in the other one alone.
    """
    source = registry.revision(artifact.name)
    renamed = dataclasses.replace(artifact, name=target, private=private, gated="", allow_unsafe_files=False)
    if artifact.allow_unsafe_files:  # Which an administrator has allowed there, not here.
        check(renamed, source.files, (), store)
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
) -> Revision:
    """Apply `changes` to a branch of `artifact` and make the result its head; the head as it is when nothing changes.

    `parent` is the id, or its beginning, that the branch must still be at. The files' bytes are in the store.
    Raises UnknownRevision for an unknown branch, StaleParent, UnknownFile for a deletion of nothing, InvalidPath,
    InvalidSource, InvalidCard.
    """
    for _ in range(_ROUNDS):
        head = registry.tip(artifact.name, branch)
        if kinds(registry.database, artifact.name).get(branch) != "branch":
            raise UnknownRevision(branch, registry.refs(artifact.name), listing=f"hub show {artifact.name}")
        if _is_replay(head, changes, message, registry):
            return head
        if parent and not head.id.startswith(parent):
            raise StaleParent(_STALE)
        files = apply(head, changes)
        if files == head.files:
            return head
        described = with_files(check(artifact, files, head.files, store), files, store, artifact.weights)
        if artifact.allow_unsafe_files:
            flag(registry.database, suspects(files, head.files, store))
        revision = make_revision(artifact.name, files, message=message, parent=head.id, created_at=datetime.now(UTC))
        try:
            return record(described, revision, head.id, registry, store, branch=branch, actor=actor)
        except Conflict:
            continue
    raise Conflict(f"`{artifact.name}` changes too quickly: others were first {_ROUNDS} times. Try again.")


def squash(
    artifact: Artifact, registry: Registry, store: BlobStore, actor: Actor, *, message: str, branch: str
) -> Revision:
    """Make a branch's content a revision without history; earlier ones can still be had by their ids."""
    head = registry.tip(artifact.name, branch)
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
    """Withdraw a revision without deleting it, or take that back; of a branch, its last revision.

    The artifact is described by the revision that `main` gives from then on, and as before where that gives none.
    """
    found = registry.tip(artifact.name, revision)
    known = {each.id: each for each in registry.revisions(artifact.name, with_files=False)}
    known[found.id] = dataclasses.replace(found, yanked=yanked)
    chosen = newest_unyanked(known, registry.head(artifact.name) or "")
    described = None
    if chosen is not None:
        files = registry.revision(artifact.name, chosen.id).files
        described = with_files(describe_files(artifact, files, store), files, store, artifact.weights), chosen
    made = registry.yank(
        artifact.name, found.id, yanked=yanked, chosen=described, actor=actor, reason=reason
    )  # fmt: skip
    drain_outbox(registry, store)
    return made


def apply(head: Revision, changes: Sequence[Change]) -> tuple[File, ...]:
    """The files of `head` after `changes`, in their order, sorted by path. Raises UnknownFile for a deletion of nothing."""
    files = {file.path: file for file in head.files}
    for change in changes:
        if isinstance(change, File):
            files[change.path] = change
            continue
        path = change.path.rstrip("/")
        gone = [each for each in files if each.startswith(f"{path}/")] if change.is_folder else [path] * (path in files)
        if not gone:
            raise UnknownFile(path, files, listing=f"hub show {head.artifact}")
        for each in gone:
            del files[each]
    return tuple(sorted(files.values(), key=lambda file: file.path))


def check(artifact: Artifact, files: tuple[File, ...], before: Iterable[File], store: BlobStore) -> Artifact:
    """What `files` make of the artifact. Raises InvalidPath, InvalidSource and InvalidCard for what may not be published."""
    if len(files) > MAX_FILES:
        raise InvalidSource(f"`{artifact.name}` would have {len(files)} files, and {MAX_FILES} are the most.")
    check_duplicates(file.path for file in files)
    folders = {parent.as_posix() for file in files for parent in PurePosixPath(file.path).parents}
    problems = [f"`{file.path}` is a file and a folder" for file in files if file.path in folders]
    known = {(file.path, file.digest) for file in before}
    for file in files:
        if (file.path, file.digest) not in known:
            with store.open(file.digest) as opened:
                problem = file_problem(
                    file.path, opened, file.size_bytes, allow_unsafe_files=artifact.allow_unsafe_files
                )
            problems += [problem] if problem else []
    if problems:
        raise InvalidSource(f"`{artifact.name}` cannot be changed so: {'; '.join(problems[:20])}.")
    return describe_files(artifact, files, store)


def suspects(files: Iterable[File], before: Iterable[File], store: BlobStore) -> list[tuple[File, str]]:
    """Files that were not there before and can run code, each with what it is: see `hub.registry.artifacts.scans`."""
    known = {file.digest for file in before}
    found = []
    for file in files:
        if file.digest not in known:
            with store.open(file.digest) as opened:
                if kind := kind_of(file.path, opened):
                    found.append((file, kind))
    return found


def describe_files(artifact: Artifact, files: Iterable[File], store: BlobStore) -> Artifact:
    """Card and variants of files whose bytes are blobs, and what the artifact keeps of its own. Raises InvalidCard."""
    with materialised(files, store) as folder:
        found = describe_repository(folder, artifact.name, is_dataset=artifact.kind == DATASET)
    return dataclasses.replace(
        found, private=artifact.private, gated=artifact.gated, allow_unsafe_files=artifact.allow_unsafe_files
    )


@contextmanager
def materialised(files: Iterable[File], store: BlobStore) -> Iterator[Path]:
    """A folder with what describes an artifact: README.md and the config.json of each variant. Raises InvalidCard."""
    with tempfile.TemporaryDirectory() as folder:
        for file in files:
            path = PurePosixPath(file.path)
            if file.path == "README.md" or (len(path.parts) <= 2 and path.name == "config.json"):
                if file.size_bytes > _MAX_CARD:
                    raise InvalidCard(f"`{file.path}` has {file.size_bytes} bytes, and {_MAX_CARD} are the most.")
                target = Path(folder, path)
                target.parent.mkdir(exist_ok=True)
                with store.open(file.digest) as opened:
                    target.write_bytes(opened.read())
        yield Path(folder)


def _is_replay(head: Revision, changes: Sequence[Change], message: str, registry: Registry) -> bool:
    """Whether `head` is what these changes made of its parent: their sender has lost the answer and asks again."""
    if not head.parent or head.message != message:
        return False
    try:
        return apply(registry.revision(head.artifact, head.parent), changes) == head.files
    except (UnknownFile, UnknownRevision):
        return False
