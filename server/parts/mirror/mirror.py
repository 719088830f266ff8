"""Decide which requests are sent to the upstream and which are served from here. The rules are in docs/publish/mirror.md."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from hub.errors import (
    Gated,
    HubError,
    InvalidName,
    InvalidUpstreamResponse,
    Unknown,
    UnknownArtifact,
    UnknownFile,
    UnknownRevision,
    UpstreamDown,
)
from hub.local import LocalHub
from hub.maintenance.garbage import UnreferencedBlob, collect
from hub.names import ArtifactName, Digest, bare_ref
from hub.records import MirrorOrigin
from hub.registry import CURATED_OWNER
from hub.registry.artifacts.repositories import tombstone_of
from hub.registry.database.clock import utc_now
from server.parts.mirror.fetch import Fetches, FetchReader
from server.parts.mirror.index_repository import index_repository
from server.parts.mirror.mirrored_repositories import (
    MirroredCommit,
    MirroredFile,
    MirroredRepository,
    blob_of,
    commit_of,
    forget_least_used,
    mark_used,
    origin_of,
    origin_of_name,
    ref_of,
    refs_of,
    repository_of,
    save_commit,
    save_ref,
    stored_bytes,
)  # fmt: skip
from server.parts.mirror.settings import MirrorSettings

if TYPE_CHECKING:
    from server.parts.mirror.upstream import UpstreamClient

FRESH_S = 60.0
"""Seconds for which the commit of a branch, or the absence of a name, is cached."""
BACK_OFF_S = 10.0
"""Seconds without requests to an upstream that did not respond."""
MAX_MISSING = 10_000
"""Names that can be cached as absent."""
LOW_WATER = 0.9
"""Part of the maximum size that is left when files are deleted, so that this happens rarely."""
CACHED_COMMITS = 32
"""Commits cached in memory: one with 100,000 files takes about 50 MB."""
_COMMIT = re.compile(r"[0-9a-f]{40}")
_log = logging.getLogger("server.mirror")


class Mirror:
    """The mirrored repositories and their upstream; without an upstream, only stored repositories are served."""

    def __init__(
        self, hub: LocalHub, upstream: UpstreamClient | None = None, settings: MirrorSettings | None = None
    ) -> None:
        self.hub, self.upstream = hub, upstream
        self.settings = settings or MirrorSettings()
        self._database = hub.registry.database
        self._fetches = Fetches(hub, self._make_room)
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._missing: dict[str, tuple[float, type[Unknown]]] = {}
        self._cached_commits: dict[str, MirroredCommit] = {}
        self._retry_at = 0.0

    def close(self) -> None:
        """End the downloads, before the hub is closed."""
        self._fetches.close()

    def covers(self, collection: str, name: str) -> MirroredRepository | None:
        """Return the repository with this name if it is or could be mirrored; None for local and reserved names.

        Names of owners with an account here are never requested: the upstream would learn them, and could impersonate the owners.
        """
        try:
            repo = repository_of(ArtifactName.parse_repository(name, "", is_dataset=collection == "datasets"))
        except InvalidName:
            return None
        if origin_of(self._database, repo) is not None:
            return repo
        owner = repo.name.owner.lower()
        if self._upstream_of(repo) is None or owner in {CURATED_OWNER, self.hub.registry.owner.lower()}:
            return None
        is_taken = (
            (self.hub.registry.head(repo.name) is not None and origin_of_name(self._database, repo.name) is None)
            or tombstone_of(self._database, repo.name) is not None
            or self.hub.accounts.find(owner) is not None
        )
        return None if is_taken else repo

    def origin(self, repo: MirroredRepository) -> MirrorOrigin:
        """Return the origin of a mirrored repository. Raises UnknownArtifact."""
        found = origin_of(self._database, repo)
        if found is None:
            raise UnknownArtifact(str(repo))
        return found

    def commit(self, repo: MirroredRepository, revision: str) -> tuple[MirroredCommit, str]:
        """Return the commit of a revision, and a warning if it may be outdated because the upstream does not respond.

        Raises UnknownArtifact, UnknownRevision, Gated, Forbidden; UpstreamDown if it is neither stored nor available.
        """
        revision_name = bare_ref(revision)
        with self._locked(f"{repo.key}@{revision_name}"):
            known, is_fresh = self._known_commit(repo, revision_name)
            if known is not None and is_fresh:
                return known, ""
            try:
                return self._fetch_commit(repo, revision_name, known), ""
            except (UpstreamDown, UnknownArtifact) as error:
                if known is None:
                    raise
                _log.warning("%s", error)
                when = f"{known.fetched_at:%Y-%m-%d}"
                reason = "does not respond" if self._upstream_of(repo) is not None else "is not asked"
                return known, f"mirror; the upstream {reason} for {repo}: this is its state of {when}"

    def refs(self, repo: MirroredRepository) -> dict[str, dict[str, str]]:
        """Return `branches` and `tags` of the upstream, or the stored ones if it does not respond. Raises UpstreamDown."""
        upstream = self._upstream_of(repo)
        if upstream is not None and not self._is_backing_off():
            try:
                with self._back_off_on_failure():
                    return upstream.refs(repo)
            except (UpstreamDown, Unknown) as error:
                _log.warning("%s", error)
        stored = {ref: commit for ref, commit in refs_of(self._database, repo).items() if not _COMMIT.fullmatch(ref)}
        if not stored:
            raise self._unreachable(repo)
        return {"branches": stored, "tags": {}}

    def file(self, commit: MirroredCommit, path: str) -> MirroredFile:
        """Return a file of a commit. Raises UnknownFile."""
        file = commit.by_path.get(path)
        if file is None:
            raise UnknownFile(path, commit.by_path)
        return file

    def bytes_of(self, repo: MirroredRepository, commit: MirroredCommit, file: MirroredFile) -> Digest | FetchReader:
        """Return the blob of a file, or a reader of its download. Raises as `commit`."""
        digest = blob_of(self._database, file.etag)
        if digest is not None and self.hub.store.holds(digest, file.size_bytes):
            mark_used(self._database, file.etag)
            return digest
        upstream = self._upstream_of(repo)
        if upstream is None or self._is_backing_off():
            raise self._unreachable(repo)
        reader = self._fetches.join(file, partial(upstream.open, repo, commit.commit_id, file))
        try:
            with self._back_off_on_failure():
                reader.fetch.wait_for_start()
        except HubError:
            reader.close()
            raise
        return reader

    def read(self, repo: MirroredRepository, commit: MirroredCommit, file: MirroredFile) -> bytes:
        """Return the content of a small file, downloading it if needed. Raises as `commit`."""
        found = self.fetch(repo, commit, file) or self.bytes_of(repo, commit, file)
        assert isinstance(found, Digest), "a file that was fetched is stored"
        with self.hub.store.open(found, file.size_bytes) as opened:
            return opened.read()

    def fetch(self, repo: MirroredRepository, commit: MirroredCommit, file: MirroredFile) -> Digest | None:
        """Download a file that is not stored and return its blob; None if it is stored. Raises as `commit`."""
        found = self.bytes_of(repo, commit, file)
        if isinstance(found, Digest):
            return None
        found.close()
        found.fetch.wait_until_stored()
        digest = blob_of(self._database, file.etag)
        assert digest is not None, "a finished download has saved its blob"
        return digest

    def check_visible(self, repo: MirroredRepository, commit: MirroredCommit, *, is_account: bool) -> None:
        """Raise UnknownArtifact if the repository is private upstream and the caller has no account here."""
        if commit.description.get("private") and not is_account:
            raise UnknownArtifact(str(repo))

    def check_access(self, repo: MirroredRepository, commit: MirroredCommit, *, is_account: bool) -> None:
        """Raise Gated if the repository is gated or private upstream and the caller has no account here."""
        is_open = not commit.description.get("gated") and not commit.description.get("private")
        if not is_open and not is_account:
            raise Gated(f"`{repo}` is restricted upstream: log in with an account of this server.")

    def _known_commit(self, repo: MirroredRepository, revision_name: str) -> tuple[MirroredCommit | None, bool]:
        """Return the stored commit of a revision, and whether it can be served without a request to the upstream."""
        if origin_of(self._database, repo) is None:
            return None, False  # An administrator might have deleted the mirror, so ignore the cache.
        is_commit = _COMMIT.fullmatch(revision_name) is not None
        if is_commit and (found := self._find_commit(repo, revision_name)):
            return found, True
        ref = ref_of(self._database, repo, revision_name)
        if ref is None:
            return None, False
        commit_id, checked_at = ref
        is_fresh = is_commit or utc_now() - checked_at < timedelta(seconds=FRESH_S)
        return self._find_commit(repo, commit_id), is_fresh

    def _find_commit(self, repo: MirroredRepository, commit_id: str) -> MirroredCommit | None:
        """Return a stored commit, or None. The last used commits are cached, because commits never change."""
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

    def _fetch_commit(
        self, repo: MirroredRepository, revision_name: str, known: MirroredCommit | None
    ) -> MirroredCommit:
        upstream = self._upstream_of(repo)
        if upstream is None or self._is_backing_off():
            raise self._unreachable(repo)
        if known is not None and self._is_still_at(upstream, repo, revision_name, known):
            save_ref(self._database, repo, revision_name, known.commit_id)
            return known
        key = f"{repo.key}@{revision_name}"
        expires_at, missing = self._missing.get(key, (0.0, UnknownArtifact))
        if expires_at > time.monotonic():
            raise UnknownArtifact(str(repo)) if missing is UnknownArtifact else UnknownRevision(revision_name)
        try:
            with self._back_off_on_failure():
                found = upstream.describe(repo, revision_name)
        except (UnknownArtifact, UnknownRevision) as error:
            if len(self._missing) >= MAX_MISSING:
                self._missing.clear()
            if _COMMIT.fullmatch(revision_name) is None:
                self._missing[key] = time.monotonic() + FRESH_S, type(error)
            raise
        restricted = bool(found.description.get("private") or found.description.get("gated"))
        save_commit(self._database, repo, found, upstream.address, restricted=restricted)
        if found.commit_id != revision_name:
            save_ref(self._database, repo, revision_name, found.commit_id)
        if revision_name == "main":
            index_repository(self.hub, repo, found, upstream.address, partial(self.read, repo, found))
        return found

    def _is_still_at(self, upstream: UpstreamClient, repo: MirroredRepository, ref: str, known: MirroredCommit) -> bool:
        """Return whether a branch or tag has not moved. Refs have a few bytes, a description can have megabytes."""
        with self._back_off_on_failure():
            found = upstream.refs(repo)
        return (found["branches"] | found["tags"]).get(ref) == known.commit_id

    def _upstream_of(self, repo: MirroredRepository) -> UpstreamClient | None:
        """Return the upstream, or None if it is not asked for this repository."""
        return self.upstream if self.settings.allows(repo) else None

    def _make_room(self, stored: MirroredFile) -> None:
        """Delete the files that were not requested for longest, if there are more bytes than allowed after one was stored."""
        limit = self.settings.max_bytes
        if limit is None or (held := stored_bytes(self._database)) <= limit:
            return
        blobs = forget_least_used(self._database, held - int(LOW_WATER * limit), stored.etag)
        unused = [UnreferencedBlob(digest, size, 0.0) for digest, size in blobs.items()]
        deleted = collect(self.hub.registry, self.hub.store, unused, 0.0)
        freed = sum(each.size_bytes for each in deleted)
        _log.info(
            "deleted %d mirrored files (%.1f MB), which were not requested for longest", len(deleted), freed / 1e6
        )

    def _is_backing_off(self) -> bool:
        return time.monotonic() < self._retry_at

    @contextmanager
    def _back_off_on_failure(self) -> Iterator[None]:
        """Back off when the upstream is down, so that other requests do not wait for it."""
        try:
            yield
        except UpstreamDown as error:
            if not isinstance(error, InvalidUpstreamResponse):
                self._retry_at = time.monotonic() + BACK_OFF_S
            raise

    @contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        """Run equal requests one after the other, so that later ones find the result of the first."""
        with self._lock:
            if len(self._locks) > MAX_MISSING:
                self._locks = {each: lock for each, lock in self._locks.items() if lock.locked()}
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            yield

    def _unreachable(self, repo: MirroredRepository) -> UpstreamDown:
        if self.upstream is None:
            return UpstreamDown(
                f"`{repo}` is not completely stored here: set its upstream with `hub serve --mirror URL`."
            )
        if not self.settings.allows(repo):
            return UpstreamDown(
                f"`{repo}` is not completely stored here, and this server's settings do not allow to fetch it."
            )
        address = self.upstream.address
        return UpstreamDown(f"`{repo}` is not completely stored here, and {address} does not respond: try again later.")
