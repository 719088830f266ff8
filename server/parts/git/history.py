"""Convert revisions to git commits, with the same commit ids on every server.

Trees, commits and LFS pointers have a few hundred bytes each and stay in memory. Of texts, only the id stays in memory; the content
is read from the store when a pack needs it. Memory use grows with the history, not with the size of files.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from dulwich.object_store import MemoryObjectStore
from dulwich.objects import Blob, Commit, ObjectID, RawObjectID, ShaFile, Tree
from dulwich.refs import DictRefsContainer, Ref
from dulwich.repo import BaseRepo

from hub.git_objects import ATTRIBUTES, in_git, pointer
from hub.local import LocalHub
from hub.names import ArtifactName, Digest
from hub.records import File, Revision
from hub.registry.refs import TAG
from hub.store import BlobStore
from server.parts.git.attributes import attributes
from server.parts.git.commits import note_commits

TRAILER = "Linguahub-Revision"
"""Last line of every commit message: the full revision id, whose first 40 digits are the commit id in the Hub protocol."""
CACHED_HISTORIES = 8
"""Histories in memory per worker process."""
_FILE, _FOLDER = 0o100644, 0o040000
_cache: OrderedDict[tuple[str, str, str], History] = OrderedDict()
_lock = threading.Lock()


class ObjectStore(MemoryObjectStore):
    """The git objects of one artifact; texts are read from the blob store."""

    def __init__(self, store: BlobStore) -> None:
        super().__init__()
        self._store = store
        self._texts: dict[ObjectID, Digest] = {}
        self._ids: dict[Digest, ObjectID] = {}

    def __getitem__(self, name: ObjectID | RawObjectID) -> ShaFile:
        """Return an object by its id. Raises KeyError."""
        digest = self._texts.get(self._to_hexsha(name))
        return super().__getitem__(name) if digest is None else self._read(digest)

    def contains_loose(self, sha: ObjectID) -> bool:
        """Return whether an object exists."""
        return sha in self._texts or super().contains_loose(sha)

    def add_file(self, file: File) -> ObjectID:
        """Add a file, as text or as LFS pointer, and return its id."""
        if not in_git(file):
            return self.add(Blob.from_string(pointer(file)))
        if file.digest not in self._ids:
            self._ids[file.digest] = self._read(file.digest, file.size_bytes).id
            self._texts[self._ids[file.digest]] = file.digest
        return self._ids[file.digest]

    def add(self, item: ShaFile) -> ObjectID:
        """Add an object and return its id."""
        self._data[item.id] = item
        return item.id

    def read_text(self, file: File) -> bytes:
        """Return the content of a short text."""
        return self._read(file.digest, file.size_bytes).data

    def _read(self, digest: Digest, size_bytes: int | None = None) -> Blob:
        with self._store.open(digest, size_bytes) as opened:
            return Blob.from_string(opened.read())


class History(BaseRepo):
    """One artifact as a bare repository that dulwich can serve."""

    def __init__(self, objects: ObjectStore, refs: dict[Ref, bytes], commits: dict[str, ObjectID]) -> None:
        super().__init__(objects, DictRefsContainer(refs))
        self.objects, self.commits = objects, commits
        self._named = refs

    def get_peeled(self, ref: Ref) -> ObjectID:
        """Return the commit of a ref; all tags are lightweight."""
        return self.refs[ref]

    def with_revisions(self) -> History:
        """Return the history with a ref for every revision, because a branch can move between the two requests of a client."""
        every = {Ref(b"refs/revisions/" + each.encode()): commit for each, commit in self.commits.items()}
        return History(self.objects, {**every, **self._named}, self.commits)


def history_of(hub: LocalHub, name: ArtifactName) -> History:
    """Return the history of an artifact, with a ref for each branch and tag; cached until one of them moves."""
    refs = hub.registry.refs(name)
    newest = hub.registry.revisions(name, with_files=False)
    state = f"{newest[0].id if newest else ''} {refs}"
    key = (hub.registry.database.address, name.key, state)
    with _lock:
        if key in _cache:
            _cache.move_to_end(key)
            return _cache[key]
    objects = ObjectStore(hub.store)
    commits = _commits(objects, hub.registry.revisions(name))
    named: dict[Ref, bytes] = {Ref(b"HEAD"): b"ref: refs/heads/main"} if refs else {}
    for each in refs:
        folder = "refs/tags" if each.kind == TAG else "refs/heads"
        named[Ref(f"{folder}/{each.name}".encode())] = commits[each.revision]
    note_commits(hub.registry.database, {commit.decode(): revision_id for revision_id, commit in commits.items()})
    made = History(objects, named, commits)
    with _lock:
        _cache[key] = made
        while len(_cache) > CACHED_HISTORIES:
            _cache.popitem(last=False)
    return made


def _commits(objects: ObjectStore, revisions: Iterable[Revision]) -> dict[str, ObjectID]:
    """Add a commit for every revision, parents first. Returns revision id → commit id."""
    commits: dict[str, ObjectID] = {}
    waiting = {each.id: each for each in sorted(revisions, key=lambda each: each.number)}
    while waiting:
        chain = [next(iter(waiting.values()))]
        while (parent := waiting.get(chain[-1].parent)) is not None:
            # A parent can have a higher number: content that was published before keeps its number.
            chain.append(parent)
        for revision in reversed(chain):
            commits[revision.id] = _commit(objects, waiting.pop(revision.id), commits.get(revision.parent))
    return commits


def _commit(objects: ObjectStore, revision: Revision, parent: ObjectID | None) -> ObjectID:
    author = revision.author or revision.artifact.owner
    made = Commit()
    made.tree = _tree(objects, _with_attributes(objects, revision.files))
    made.parents = [parent] if parent else []
    made.author = made.committer = f"{author} <{author}@users.noreply.invalid>".encode()
    moment = revision.created_at or datetime.fromtimestamp(0, UTC)
    made.author_time = made.commit_time = int(moment.timestamp())
    made.author_timezone = made.commit_timezone = 0
    made.encoding = b"UTF-8"
    made.message = f"{revision.message.strip() or 'No message'}\n\n{TRAILER}: {revision.id}\n".encode()
    return objects.add(made)


def _with_attributes(objects: ObjectStore, files: tuple[File, ...]) -> dict[str, Any]:
    """Return the files as a tree: name → object id or, for a folder, a dictionary of the same kind."""
    own = next((objects.read_text(each) for each in files if each.path == ATTRIBUTES and in_git(each)), b"")
    top: dict[str, Any] = {}
    for file in files:
        *folders, name = file.path.split("/")
        at = top
        for folder in folders:
            at = at.setdefault(folder, {})
        at[name] = objects.add_file(file)
    top[ATTRIBUTES] = objects.add(Blob.from_string(attributes(files, own)))
    return top


def _tree(objects: ObjectStore, entries: dict[str, Any]) -> ObjectID:
    made = Tree()
    for name, entry in entries.items():
        is_folder = isinstance(entry, dict)
        oid = _tree(objects, entry) if is_folder else entry
        made.add(name.encode(), _FOLDER if is_folder else _FILE, oid)
    return objects.add(made)
