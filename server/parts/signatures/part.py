"""The part `signatures`: revisions signed with a registered key of their owner."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from hub.registry.parts import Part
from server.parts.signatures import FILE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hub.names import ArtifactName
    from hub.records import File, Signature
    from hub.registry.database.database import Database
    from hub.store import BlobStore


class Signatures(Part):
    """Verification of `model.sig` when a revision is created."""

    name = "signatures"
    tables = ("server.parts.signatures.tables",)
    operations = ("server.parts.signatures.operations",)
    admin_commands = MappingProxyType({"key": "server.parts.signatures.commands:keys"})

    def signature(
        self, files: Sequence[File], name: ArtifactName, database: Database, store: BlobStore
    ) -> Signature | None:
        """Return the signature, verified with the keys of the artifact's owner."""
        if all(file.path != FILE for file in files):
            return None
        from server.parts.signatures.signatures import signature_in

        return signature_in(files, name, database, store)

    def signature_by(self, key: Path, files: Sequence[File], store: BlobStore) -> Signature | None:
        """Return the signature, verified with the key in the file `key`."""
        from server.parts.signatures.signatures import read_bundle, read_key, verify_bundle

        trusted = read_key(key)
        bundle = read_bundle(files, store)
        return None if bundle is None else verify_bundle(files, bundle, [trusted])
