"""The local installation: home, registry and store."""

from __future__ import annotations

import gc
import logging
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from hub.errors import DamagedBlob, Unreachable, YankedRevision
from hub.home import Home, stamp_of
from hub.names import COMMIT_DIGITS, ArtifactName
from hub.records import File, Revision
from hub.registry import ALL_CARDS, Registry
from hub.store import BlobStore, open_store

if TYPE_CHECKING:
    from typing import Self

    from hub.publish.index import IndexReport
    from hub.registry.accounts.accounts import Accounts
    from hub.registry.accounts.tokens import Tokens

_log = logging.getLogger("hub.local")
_ALLOCATIONS = 50_000
"""Number of new objects after which Python looks for cycles; 700 by default."""


@contextmanager
def rare_collections() -> Iterator[None]:
    """Let Python look for unreachable cycles 70 times less often, which takes a tenth of the time of building a registry
    or loading torch and diffusers.

    Imports, the values of cards and the rows of tables leave hardly any cycles.
    """
    former = gc.get_threshold()
    gc.set_threshold(_ALLOCATIONS, *former[1:])
    try:
        yield
    finally:
        gc.set_threshold(*former)


class LocalHub:
    """The home, registry and store of an installation."""

    def __init__(self, home: Home, registry: Registry, store: BlobStore) -> None:
        self.home = home
        self.registry = registry
        self.store = store

    @property
    def is_local(self) -> bool:
        """Whether registry and blobs are files of this machine, which are read faster than a thread starts."""
        return self.registry.database.is_local and self.store.is_local

    @cached_property
    def accounts(self) -> Accounts:
        """Users and organisations, imported only when used."""
        from hub.registry.accounts.accounts import Accounts

        return Accounts(self.registry.database)

    @cached_property
    def tokens(self) -> Tokens:
        """Access tokens, imported only when used."""
        from hub.registry.accounts.tokens import Tokens

        return Tokens(self.registry.database)

    @classmethod
    def open(cls, home: Home | Path | None = None) -> LocalHub:
        """Open this installation, or the one in a folder, and update the registry if the cards have changed.

        If two processes do so at once, one updates and the other waits. Raises Unreachable, DamagedFile.
        """
        found = home if isinstance(home, Home) else Home.find(home)
        found.create()
        with rare_collections():
            hub = cls(
                found,
                Registry.open(found.registry, found.owner, found.replica_url),
                open_store(found.store_url or found.store),
            )
            if hub._is_outdated():
                _log.info("Updating the registry from the cards in %s …", found.cards)
                hub.index()
        return hub

    def index(self) -> IndexReport:
        """Update the registry from the curated cards and the references in the store; see `hub.publish.index`.

        Raises Unreachable if the lock file cannot be written.
        """
        from filelock import FileLock

        from hub.publish.index import index

        try:
            with FileLock(self.home.folder / "index.lock"):
                self.registry.database.create_missing_tables()
                return index(self.home.cards, self.registry, self.store)
        except OSError as error:
            raise Unreachable(
                f"cannot write {self.home.folder}: {error.strerror}. Set HUB_HOME to a folder you can write."
            ) from error

    def snapshot(self, name: str | ArtifactName, revision: str = "main") -> Path:
        """Return a folder with the files of a revision, created once: links to blobs, or copies if links are not supported.

        Warns if the revision is yanked. Raises UnknownArtifact, UnknownRevision, AllYanked, and DamagedBlob for lost or damaged bytes.
        """
        found = self.registry.revision(name, revision)
        if found.yanked:
            warnings.warn(
                f"revision {found.number} of `{found.artifact}` was yanked by its owner; it is used because it was pinned.",
                YankedRevision,
                stacklevel=2,
            )
        target = self.home.snapshots / found.artifact.owner / found.artifact.name / found.id[:COMMIT_DIGITS]
        if target.is_dir():
            for file in found.files:
                self._blob_path(file)  # Its bytes may have been damaged since.
        else:
            self._write_snapshot(found, target)
        return target

    def close(self) -> None:
        """Close the registry's connections."""
        self.registry.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _is_outdated(self) -> bool:
        return self.registry.indexed().get(ALL_CARDS, ("", ""))[0] != stamp_of(self.home.cards)

    def _write_snapshot(self, revision: Revision, target: Path) -> None:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=target.parent, prefix=".", ignore_cleanup_errors=True) as unfinished:
                content = Path(unfinished) / "content"
                for file in revision.files:
                    self._link_file(file, content / file.path)
                content.mkdir(exist_ok=True)
                if not target.is_dir():
                    content.rename(target)  # Readers see the complete folder or none.
        except OSError as error:
            if not target.is_dir():  # Another process may have created it in the meantime.
                raise Unreachable(f"cannot write {target}: {error.strerror}. Nothing was stored.") from error

    def _blob_path(self, file: File) -> Path | None:
        """Return the local file of a blob; None if the store is remote. Raises DamagedBlob."""
        found = self.store.path(file.digest, file.size_bytes)
        if found is None and not self.store.holds(file.digest, file.size_bytes):
            raise DamagedBlob(file.digest.hex, is_missing=True)
        return found

    def _link_file(self, file: File, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        blob = self._blob_path(file)
        try:
            if blob is not None:
                target.symlink_to(blob.absolute())
                return
        except OSError:
            target.unlink(missing_ok=True)  # Some file systems do not support links.
        with self.store.open(file.digest, file.size_bytes) as source, target.open("wb") as copy:
            shutil.copyfileobj(source, copy)
