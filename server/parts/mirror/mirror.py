"""What is asked upstream and what is answered from here: the rules of docs/mirror.md."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

from hub.errors import (
    Gated,
    HubError,
    Unknown,
    UnknownArtifact,
    UnknownFile,
    UnknownRevision,
    UpstreamDown,
    UpstreamWrong,
    WrongName,
)
from hub.local import LocalHub
from hub.names import ArtifactName, Digest, bare_ref
from hub.records import MirrorOrigin
from hub.registry import CURATED_OWNER
from hub.registry.artifacts.repositories import tombstone_of
from server.parts.mirror.copies import (
    Copied,
    CopiedCommit,
    CopiedFile,
    blob_of,
    commit_of,
    keep_commit,
    keep_ref,
    origin_of,
    origin_of_name,
    ref_of,
    refs_of,
)  # fmt: skip
from server.parts.mirror.fetch import Fetches, Reader
from server.parts.mirror.index_copy import describe
from server.parts.mirror.upstream import Upstream

FRESH_S = 60.0
"""How long a branch counts as where it was found, and a name as unknown upstream."""
REST_S = 10.0
"""How long an upstream that did not answer is left alone."""
REMEMBERED = 10_000
"""Names that are known to be nowhere."""
COMMITS = 32
"""Commits in memory: one of a hundred thousand files takes some 50 MB."""
_COMMIT = re.compile(r"[0-9a-f]{40}")
_log = logging.getLogger("server.mirror")


class Mirror:
    """The copies that are here, and the hub that they come from; None: what is here is served, and nobody is asked."""

    def __init__(self, hub: LocalHub, upstream: Upstream | None = None) -> None:
        self.hub, self.upstream = hub, upstream
        self._database = hub.registry.database
        self._fetches = Fetches(hub)
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._nowhere: dict[str, tuple[float, type[Unknown]]] = {}
        self._commits: dict[str, CopiedCommit] = {}
        self._rest_until = 0.0

    def covers(self, collection: str, name: str) -> Copied | None:
        """Which repository this name is, if it is mirrored, or may be; None for ours and for what nobody may take.

        Names of owners who have an account here are never asked for elsewhere: the upstream would learn them, and could
        answer for them.
        """
        try:
            copied = Copied(collection, ArtifactName.parse(name, ""))
        except WrongName:
            return None
        if origin_of(self._database, copied) is not None:
            return copied
        owner = copied.name.owner.lower()
        if self.upstream is None or owner in {CURATED_OWNER, self.hub.registry.owner.lower()}:
            return None
        is_taken = (
            (self.hub.registry.head(copied.name) is not None and origin_of_name(self._database, copied.name) is None)
            or tombstone_of(self._database, copied.name) is not None
            or self.hub.accounts.find(owner) is not None
        )
        return None if is_taken else copied

    def origin(self, copied: Copied) -> MirrorOrigin:
        """Where a repository comes from, once it is here."""
        found = origin_of(self._database, copied)
        if found is None:
            raise UnknownArtifact(str(copied))
        return found

    def commit(self, copied: Copied, revision: str) -> tuple[CopiedCommit, str]:
        """The commit that a revision means now, and a warning when it is only what was known last.

        Raises UnknownArtifact, UnknownRevision, Gated, Forbidden; UpstreamDown when it is neither here nor to be had.
        """
        wanted = bare_ref(revision)
        with self._alone(f"{copied.key}@{wanted}"):
            known = self._known(copied, wanted)
            if known is not None and known[1]:
                return known[0], ""
            try:
                return self._ask(copied, wanted, known[0] if known else None), ""
            except (UpstreamDown, UnknownArtifact) as error:
                if known is None:
                    raise
                _log.warning("%s", error)
                when = known[0].fetched_at
                return known[
                    0
                ], f"mirror; the upstream does not answer for {copied}: this is what it had on {when:%Y-%m-%d}"

    def refs(self, copied: Copied) -> dict[str, dict[str, str]]:
        """`branches` and `tags` as the upstream has them, or as far as they are known here."""
        if self.upstream is not None and not self._rests():
            try:
                with self._watched():
                    return self.upstream.refs(copied)
            except (UpstreamDown, Unknown) as error:
                _log.warning("%s", error)
        own = {ref: commit for ref, commit in refs_of(self._database, copied).items() if _COMMIT.fullmatch(ref) is None}
        if not own:
            raise self._unreachable(copied)
        return {"branches": own, "tags": {}}

    def file(self, commit: CopiedCommit, path: str) -> CopiedFile:
        """A file of a commit. Raises UnknownFile."""
        for file in commit.files:
            if file.path == path:
                return file
        raise UnknownFile(path, [file.path for file in commit.files])

    def bytes_of(self, copied: Copied, commit: CopiedCommit, file: CopiedFile) -> Digest | Reader:
        """A blob, or a reader of what is on its way. Raises as `commit`."""
        digest = blob_of(self._database, file.etag)
        if digest is not None and digest in self.hub.store:
            return digest
        if self.upstream is None or self._rests():
            raise self._unreachable(copied)
        reader = self._fetches.join(file, partial(self.upstream.open, copied, commit.commit_id, file))
        try:
            with self._watched():
                reader.fetch.insist_on_begin()
        except HubError:
            reader.close()
            raise
        return reader

    def read(self, copied: Copied, commit: CopiedCommit, file: CopiedFile) -> bytes:
        """The bytes of a small file, fetched when they are not here."""
        found = self.bytes_of(copied, commit, file)
        if isinstance(found, Reader):
            found.close()
            found.fetch.insist_on_end()
            digest = blob_of(self._database, file.etag)
            assert digest is not None, "an ended fetch has kept its bytes"
            found = digest
        with self.hub.store.open(found) as opened:
            return opened.read()

    def insist_on_knowing(self, copied: Copied, commit: CopiedCommit, *, is_account: bool) -> None:
        """Raises UnknownArtifact where the upstream tells of it to this server's token alone, and a stranger asks."""
        if commit.description.get("private") and not is_account:
            raise UnknownArtifact(str(copied))

    def insist_on_access(self, copied: Copied, commit: CopiedCommit, *, is_account: bool) -> None:
        """Raises Gated where the upstream gave the files to this server's token, and would not give them to anybody."""
        is_open = not commit.description.get("gated") and not commit.description.get("private")
        if not is_open and not is_account:
            raise Gated(f"`{copied}` is restricted at its upstream: log in here, with an account of this server.")

    def _known(self, copied: Copied, wanted: str) -> tuple[CopiedCommit, bool] | None:
        """A commit that is here, and whether nobody need be asked about it."""
        if origin_of(self._database, copied) is None:
            return None  # An administrator may have let it go: then what is in memory counts no more.
        if _COMMIT.fullmatch(wanted) and (found := self._kept(copied, wanted)):
            return found, True
        ref = ref_of(self._database, copied, wanted)
        if ref is None or (found := self._kept(copied, ref[0])) is None:
            return None
        is_fixed = _COMMIT.fullmatch(wanted) is not None
        return found, is_fixed or datetime.now(UTC) - ref[1] < timedelta(seconds=FRESH_S)

    def _kept(self, copied: Copied, commit_id: str) -> CopiedCommit | None:
        """A commit that is here. It never changes: the ones asked for last are kept in memory, with all their files."""
        key = f"{copied.key}@{commit_id}"
        with self._lock:
            found = self._commits.pop(key, None)
        found = found or commit_of(self._database, copied, commit_id)
        if found is not None:
            with self._lock:
                self._commits[key] = found
                while len(self._commits) > COMMITS:
                    del self._commits[next(iter(self._commits))]
        return found

    def _ask(self, copied: Copied, wanted: str, known: CopiedCommit | None) -> CopiedCommit:
        if self.upstream is None or self._rests():
            raise self._unreachable(copied)
        if known is not None and self._is_still_at(self.upstream, copied, wanted, known):
            keep_ref(self._database, copied, wanted, known.commit_id)
            return known
        asked = f"{copied.key}@{wanted}"
        if (nothing := self._nowhere.get(asked)) is not None and nothing[0] > time.monotonic():
            raise UnknownArtifact(str(copied)) if nothing[1] is UnknownArtifact else UnknownRevision(wanted)
        try:
            with self._watched():
                found = self.upstream.describe(copied, wanted)
        except (UnknownArtifact, UnknownRevision) as error:
            if len(self._nowhere) >= REMEMBERED:
                self._nowhere.clear()
            if _COMMIT.fullmatch(wanted) is None:
                self._nowhere[asked] = time.monotonic() + FRESH_S, type(error)
            raise
        restricted = bool(found.description.get("private") or found.description.get("gated"))
        keep_commit(self._database, copied, found, self.upstream.address, restricted=restricted)
        if found.commit_id != wanted:
            keep_ref(self._database, copied, wanted, found.commit_id)
        if wanted == "main":
            describe(self.hub, copied, found, self.upstream.address, partial(self.read, copied, found))
        return found

    def _is_still_at(self, upstream: Upstream, copied: Copied, ref: str, known: CopiedCommit) -> bool:
        """Whether a branch or tag has not moved: a few bytes, where a description may be megabytes."""
        with self._watched():
            found = upstream.refs(copied)
        return (found["branches"] | found["tags"]).get(ref) == known.commit_id

    def _rests(self) -> bool:
        return time.monotonic() < self._rest_until

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Leave an upstream alone for a while when it is down, so that nobody else waits for it."""
        try:
            yield
        except UpstreamDown as error:
            if not isinstance(error, UpstreamWrong):
                self._rest_until = time.monotonic() + REST_S
            raise

    @contextmanager
    def _alone(self, key: str) -> Iterator[None]:
        """One question of a kind at a time: those who come later find its answer."""
        with self._lock:
            if len(self._locks) > REMEMBERED:
                self._locks = {each: lock for each, lock in self._locks.items() if lock.locked()}
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            yield

    def _unreachable(self, copied: Copied) -> UpstreamDown:
        where = "it is mirrored, and no upstream is set (`hub serve --mirror`)"
        if self.upstream is not None:
            where = f"{self.upstream.address}, which this server mirrors, does not answer"
        return UpstreamDown(f"`{copied}` is not here, or not all of it: {where}. Try again later.")
