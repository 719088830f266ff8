"""Optional parts: features that attach themselves through the entry-point group `hub.parts`.

The core imports none of them: it calls every installed part at the few places below and works the same without any. A part is a
class without constructor arguments. Methods do nothing by default; a part overrides those that it needs. `server.part.ServerPart`
adds the extension points of the server. See docs/internals/parts.md.
"""

# ruff: noqa: ARG002 - the methods of the interface are for parts to override.
from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from hub.plugins import load_all

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hub.names import ArtifactName, Digest
    from hub.records import File, MirrorOrigin, Signature
    from hub.registry.database.database import Database
    from hub.registry.tables.artifacts import ArtifactRow
    from hub.store import BlobStore

GROUP = "hub.parts"


@dataclass(frozen=True, slots=True)
class Event:
    """A change to an artifact in a transaction."""

    scope: str
    """`repo`, `repo.content`, `repo.config` as on the Hugging Face Hub, or `score`."""
    action: str
    """`create`, `update`, `move` or `delete`."""
    artifact: ArtifactRow
    """Its state before a move or a deletion, and after any other change."""
    facts: Mapping[str, Any]
    """Further content of the event, as JSON values."""


class Part:
    """An optional feature of the hub. Import heavy modules inside methods: every process that writes loads every part."""

    name = ""
    """The name of its entry point."""
    scans_files = False
    """Whether it scans files that can run code; see `hub.registry.accounts.file_policy`."""
    tables: tuple[str, ...] = ()
    """Modules that define its tables, created with a new registry; `hub index` creates those of parts installed later."""
    operations: tuple[str, ...] = ()
    """Modules with its administrative operations, each with a tuple `OPERATIONS`."""
    admin_commands: Mapping[str, str] = MappingProxyType({})
    """Groups of `hub admin`: name → `module:attribute` of a Typer application."""

    def listens(self, session: Session) -> bool:
        """Return whether the part handles events; if no part does, changes are not collected."""
        return False

    def on_event(self, session: Session, event: Event) -> None:
        """Handle an event, in the transaction that causes it."""

    def signature(
        self,
        files: Sequence[File],
        name: ArtifactName,
        database: Database,
        store: BlobStore,
    ) -> Signature | None:
        """Return the signature among the files of a new revision, verified; None if unsigned. Raises InvalidSignature."""
        return None

    def signature_by(self, key: Path, files: Sequence[File], store: BlobStore) -> Signature | None:
        """Return the signature among `files`, verified with the key in a file; None for unsigned files."""
        return None

    def revision(self, database: Database, artifact_id: int, text: str) -> str | None:
        """Return the id of the revision that `text` refers to, if the registry itself does not know it."""
        return None

    def origin(self, database: Database, name: ArtifactName) -> MirrorOrigin | None:
        """Return the origin of a mirrored repository; None for one of this hub."""
        return None

    def blobs(self, database: Database) -> Iterable[Digest]:
        """Return the blobs that the part needs, which garbage collection must keep."""
        return ()


@cache
def installed_parts() -> tuple[Part, ...]:
    """Return one instance of every installed part."""
    return tuple(part() for part in load_all(GROUP))


def parts() -> tuple[Part, ...]:
    """Return the active parts: all installed ones except those in `HUB_WITHOUT_PARTS`, a comma-separated list of names."""
    disabled = {name.strip() for name in os.environ.get("HUB_WITHOUT_PARTS", "").split(",")}
    return tuple(part for part in installed_parts() if part.name not in disabled)


def signature_in(files: Sequence[File], name: ArtifactName, database: Database, store: BlobStore) -> Signature | None:
    """Return the verified signature of a new revision; None if unsigned. Raises InvalidSignature."""
    return next(filter(None, (part.signature(files, name, database, store) for part in parts())), None)


def origin_of(database: Database, name: ArtifactName) -> MirrorOrigin | None:
    """Return the origin of a mirrored repository; None for one of this hub."""
    return next(filter(None, (part.origin(database, name) for part in parts())), None)
