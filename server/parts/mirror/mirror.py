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
    MirroredCommit,
    MirroredFile,
    MirroredRepository,
    blob_of,
    commit_of,
    origin_of,
    origin_of_name,
    ref_of,
    refs_of,
    save_commit,
    save_ref,
)  # fmt: skip
from server.parts.mirror.fetch import Fetches, Reader
from server.parts.mirror.index_copy import describe
from server.parts.mirror.upstream import Upstream

FRESH_S = 60.0
"""How long a branch counts as where it was found, and a name as unknown upstream."""
BACK_OFF_S = 10.0
"""How long an upstream that did not answer is left alone."""
MOST_MISSING = 10_000
"""Names that are known to be nowhere."""
CACHED_COMMITS = 32
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
        self._missing: dict[str, tuple[float, type[Unknown]]] = {}
        self._cached_commits: dict[str, MirroredCommit] = {}
        self._retry_at = 0.0

    def covers(self, collection: str, name: str) -> MirroredRepository | None:
        """Which repository this name is, if it is mirrored, or may be; None for ours and for what nobody may take.

        Names of owners who have an account here are never asked for elsewhere: the upstream would learn them, and could
        answer for them.
        """
        try:
            repo = MirroredRepository(collection, ArtifactName.parse(name, ""))
        except WrongName:
            return None
        if origin_of(self._database, repo) is not None:
            return repo
        owner = repo.name.owner.lower()
        if self.upstream is None or owner in {CURATED_OWNER, self.hub.registry.owner.lower()}:
            return None
        is_taken = (
            (self.hub.registry.head(repo.name) is not None and origin_of_name(self._database, repo.name) is None)
            or tombstone_of(self._database, repo.name) is not None
            or self.hub.accounts.find(owner) is not None
        )
        return None if is_taken else repo

    def origin(self, repo: MirroredRepository) -> MirrorOrigin:
        """Where a repository comes from, once it is here."""
        found = origin_of(self._database, repo)
        if found is None:
            raise UnknownArtifact(str(repo))
        return found

    def commit(self, repo: MirroredRepository, revision: str) -> tuple[MirroredCommit, str]:
        """The commit that a revision means now, and a warning when it is only what was known last.

        Raises UnknownArtifact, UnknownRevision, Gated, Forbidden; UpstreamDown when it is neither here nor to be had.
        """
        wanted = bare_ref(revision)
        with self._locked(f"{repo.key}@{wanted}"):
            known = self._known_commit(repo, wanted)
            if known is not None and known[1]:
                return known[0], ""
            try:
                return self._fetch_commit(repo, wanted, known[0] if known else None), ""
            except (UpstreamDown, UnknownArtifact) as error:
                if known is None:
                    raise
                _log.warning("%s", error)
                when = known[0].fetched_at
                return known[
                    0
                ], f"mirror; the upstream does not answer for {repo}: this is what it had on {when:%Y-%m-%d}"

    def refs(self, repo: MirroredRepository) -> dict[str, dict[str, str]]:
        """`branches` and `tags` as the upstream has them, or as far as they are known here."""
        if self.upstream is not None and not self._is_backing_off():
            try:
                with self._backing_off():
                    return self.upstream.refs(repo)
            except (UpstreamDown, Unknown) as error:
                _log.warning("%s", error)
        own = {ref: commit for ref, commit in refs_of(self._database, repo).items() if _COMMIT.fullmatch(ref) is None}
        if not own:
            raise self._unreachable(repo)
        return {"branches": own, "tags": {}}

    def file(self, commit: MirroredCommit, path: str) -> MirroredFile:
        """A file of a commit. Raises UnknownFile."""
        for file in commit.files:
            if file.path == path:
                return file
        raise UnknownFile(path, [file.path for file in commit.files])

    def bytes_of(self, repo: MirroredRepository, commit: MirroredCommit, file: MirroredFile) -> Digest | Reader:
        """A blob, or a reader of what is on its way. Raises as `commit`."""
        digest = blob_of(self._database, file.etag)
        if digest is not None and digest in self.hub.store:
            return digest
        if self.upstream is None or self._is_backing_off():
            raise self._unreachable(repo)
        reader = self._fetches.join(file, partial(self.upstream.open, repo, commit.commit_id, file))
        try:
            with self._backing_off():
                reader.fetch.wait_for_start()
        except HubError:
            reader.close()
            raise
        return reader

    def read(self, repo: MirroredRepository, commit: MirroredCommit, file: MirroredFile) -> bytes:
        """The bytes of a small file, fetched when they are not here."""
        found = self.bytes_of(repo, commit, file)
        if isinstance(found, Reader):
            found.close()
            found.fetch.wait_until_stored()
            digest = blob_of(self._database, file.etag)
            assert digest is not None, "an ended fetch has kept its bytes"
            found = digest
        with self.hub.store.open(found) as opened:
            return opened.read()

    def check_visible(self, repo: MirroredRepository, commit: MirroredCommit, *, is_account: bool) -> None:
        """Raises UnknownArtifact where the upstream tells of it to this server's token alone, and a stranger asks."""
        if commit.description.get("private") and not is_account:
            raise UnknownArtifact(str(repo))

    def check_access(self, repo: MirroredRepository, commit: MirroredCommit, *, is_account: bool) -> None:
        """Raises Gated where the upstream gave the files to this server's token, and would not give them to anybody."""
        is_open = not commit.description.get("gated") and not commit.description.get("private")
        if not is_open and not is_account:
            raise Gated(f"`{repo}` is restricted at its upstream: log in here, with an account of this server.")

    def _known_commit(self, repo: MirroredRepository, wanted: str) -> tuple[MirroredCommit, bool] | None:
        """A commit that is here, and whether nobody need be asked about it."""
        if origin_of(self._database, repo) is None:
            return None  # An administrator may have let it go: then what is in memory counts no more.
        if _COMMIT.fullmatch(wanted) and (found := self._find_commit(repo, wanted)):
            return found, True
        ref = ref_of(self._database, repo, wanted)
        if ref is None or (found := self._find_commit(repo, ref[0])) is None:
            return None
        is_fixed = _COMMIT.fullmatch(wanted) is not None
        return found, is_fixed or datetime.now(UTC) - ref[1] < timedelta(seconds=FRESH_S)

    def _find_commit(self, repo: MirroredRepository, commit_id: str) -> MirroredCommit | None:
        """A commit that is here. It never changes: the ones asked for last are kept in memory, with all their files."""
        key = f"{repo.key}@{commit_id}"
        with self._lock:
            found = self._cached_commits.pop(key, None)
        found = found or commit_of(self._database, repo, commit_id)
        if found is not None:
            with self._lock:
                self._cached_commits[key] = found
                while len(self._cached_commits) > CACHED_COMMITS:
                    del self._cached_commits[next(iter(self._cached_commits))]
        return found

    def _fetch_commit(self, repo: MirroredRepository, wanted: str, known: MirroredCommit | None) -> MirroredCommit:
        if self.upstream is None or self._is_backing_off():
            raise self._unreachable(repo)
        if known is not None and self._is_still_at(self.upstream, repo, wanted, known):
            save_ref(self._database, repo, wanted, known.commit_id)
            return known
        asked = f"{repo.key}@{wanted}"
        if (nothing := self._missing.get(asked)) is not None and nothing[0] > time.monotonic():
            raise UnknownArtifact(str(repo)) if nothing[1] is UnknownArtifact else UnknownRevision(wanted)
        try:
            with self._backing_off():
                found = self.upstream.describe(repo, wanted)
        except (UnknownArtifact, UnknownRevision) as error:
            if len(self._missing) >= MOST_MISSING:
                self._missing.clear()
            if _COMMIT.fullmatch(wanted) is None:
                self._missing[asked] = time.monotonic() + FRESH_S, type(error)
            raise
        restricted = bool(found.description.get("private") or found.description.get("gated"))
        save_commit(self._database, repo, found, self.upstream.address, restricted=restricted)
        if found.commit_id != wanted:
            save_ref(self._database, repo, wanted, found.commit_id)
        if wanted == "main":
            describe(self.hub, repo, found, self.upstream.address, partial(self.read, repo, found))
        return found

    def _is_still_at(self, upstream: Upstream, repo: MirroredRepository, ref: str, known: MirroredCommit) -> bool:
        """Whether a branch or tag has not moved: a few bytes, where a description may be megabytes."""
        with self._backing_off():
            found = upstream.refs(repo)
        return (found["branches"] | found["tags"]).get(ref) == known.commit_id

    def _is_backing_off(self) -> bool:
        return time.monotonic() < self._retry_at

    @contextmanager
    def _backing_off(self) -> Iterator[None]:
        """Leave an upstream alone for a while when it is down, so that nobody else waits for it."""
        try:
            yield
        except UpstreamDown as error:
            if not isinstance(error, UpstreamWrong):
                self._retry_at = time.monotonic() + BACK_OFF_S
            raise

    @contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        """One question of a kind at a time: those who come later find its answer."""
        with self._lock:
            if len(self._locks) > MOST_MISSING:
                self._locks = {each: lock for each, lock in self._locks.items() if lock.locked()}
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            yield

    def _unreachable(self, repo: MirroredRepository) -> UpstreamDown:
        where = "it is mirrored, and no upstream is set (`hub serve --mirror`)"
        if self.upstream is not None:
            where = f"{self.upstream.address}, which this server mirrors, does not answer"
        return UpstreamDown(f"`{repo}` is not here, or not all of it: {where}. Try again later.")
