"""Optional parts: features that attach themselves through the entry-point group `hub.parts`.

The core imports none of them: it asks every installed part at the few places below and works the same without any. A part is a class
made without arguments; every method does nothing by default, so a part overrides only what it takes part in. `server.part.ServerPart`
adds what a part may do in a server. See docs/internals/parts.md.
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
    """Something that a transaction does to an artifact."""

    scope: str
    """`repo`, `repo.content`, `repo.config` as on the Hugging Face Hub, or `score`."""
    action: str
    """`create`, `update`, `move` or `delete`."""
    artifact: ArtifactRow
    """As it is before a move or a deletion, and after everything else."""
    facts: Mapping[str, Any]
    """What else listeners are told, as JSON."""


class Part:
    """An optional feature of the hub. Import what is heavy inside methods: every process that writes loads every part."""

    name = ""
    """The name of its entry point."""
    tables: tuple[str, ...] = ()
    """Modules that define its tables, created with a new registry; `hub index` adds those of parts that come later."""
    operations: tuple[str, ...] = ()
    """Modules with its operations of administration, each with a tuple `OPERATIONS`."""
    admin_commands: Mapping[str, str] = MappingProxyType({})
    """Groups of `hub admin`: name → `module:attribute` of a Typer application."""

    def listens(self, session: Session) -> bool:
        """Return whether anything is to be done on an event at all; otherwise nobody works out what happened."""
        return False

    def on_event(self, session: Session, event: Event) -> None:
        """Take notice of an event, in the transaction that causes it."""

    def signature(
        self,
        files: Sequence[File],
        name: ArtifactName,
        database: Database,
        store: BlobStore,
    ) -> Signature | None:
        """Return the signature among the files of a new revision. Raises InvalidSignature for one that does not fit."""
        return None

    def signature_by(self, key: Path, files: Sequence[File], store: BlobStore) -> Signature | None:
        """Return the signature among `files` as someone sees it who trusts the key in a file; None for unsigned files."""
        return None

    def revision(self, database: Database, artifact_id: int, text: str) -> str | None:
        """Return the id of the revision that `text` means, where the registry itself knows none."""
        return None

    def origin(self, database: Database, name: ArtifactName) -> MirrorOrigin | None:
        """Return where a copied repository comes from; None for one of this hub."""
        return None

    def blobs(self, database: Database) -> Iterable[Digest]:
        """Return the blobs that the part needs, so that garbage collection leaves them."""
        return ()


@cache
def installed_parts() -> tuple[Part, ...]:
    """Return one instance of every installed part."""
    return tuple(made() for made in load_all(GROUP))


def parts() -> tuple[Part, ...]:
    """Return the parts that are in use: all that are installed, without those that `HUB_WITHOUT_PARTS` names."""
    left_out = {name.strip() for name in os.environ.get("HUB_WITHOUT_PARTS", "").split(",")}
    return tuple(part for part in installed_parts() if part.name not in left_out)


def signature_in(files: Sequence[File], name: ArtifactName, database: Database, store: BlobStore) -> Signature | None:
    """Return what a part finds out about the signature of a new revision; None for an unsigned one. Raises InvalidSignature."""
    return next(filter(None, (part.signature(files, name, database, store) for part in parts())), None)


def origin_of(database: Database, name: ArtifactName) -> MirrorOrigin | None:
    """Return where a copied repository comes from; None for one of this hub."""
    return next(filter(None, (part.origin(database, name) for part in parts())), None)
