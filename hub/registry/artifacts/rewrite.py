"""Replace revisions in one transaction, for `hub.publish.erase`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.errors import Conflict
from hub.records import Artifact, Revision
from hub.registry.accounts.audit import log_action
from hub.registry.accounts.permissions import Actor
from hub.registry.events import emit_rewrite
from hub.registry.refs import Ref

if TYPE_CHECKING:
    from hub.registry.database.database import Database


@dataclass(frozen=True, slots=True)
class Rewrite:
    """The revisions to replace, and the state that they were computed from."""

    refs: tuple[Ref, ...]
    """The refs when the replacements were computed."""
    replaced: Mapping[str, Revision]
    """Old id → new revision, parents before children."""
    erased: frozenset[str]
    """Digests of erased files. Earlier uploads no longer allow accounts to reference them."""


def rewrite(database: Database, artifact: Artifact, head: Revision, plan: Rewrite, actor: Actor) -> None:
    """Replace revisions and update all refs. Raises Conflict if a ref has moved in the meantime."""
    from sqlalchemy import delete, select, update

    from hub.registry.artifacts.record import add_revision, describe, enqueue_reference
    from hub.registry.tables.accounts import NarrowUploadRow, UploadRow
    from hub.registry.tables.artifacts import BlobRow, FileRow, RefRow, RevisionRow, artifact_row

    with database.transaction() as session:
        row = artifact_row(session, artifact.name)
        refs = session.scalars(select(RefRow).where(RefRow.artifact_id == row.id)).all() if row else []
        found = [(each.name, each.kind, each.revision_id) for each in refs]
        if row is None or sorted(found) != [(each.name, each.kind, each.revision) for each in plan.refs]:
            raise Conflict(f"`{artifact.name}` has changed in the meantime. Nothing was erased; try again.")
        old = RevisionRow.id.in_(plan.replaced)
        session.execute(update(RevisionRow).where(old).values(number=-RevisionRow.number))  # Numbers are unique.
        for revision in plan.replaced.values():
            add_revision(session, row.id, revision.number, revision)
        for ref in refs:
            ref.revision_id = plan.replaced[ref.revision_id].id if ref.revision_id in plan.replaced else ref.revision_id
        session.flush()
        session.execute(delete(FileRow).where(FileRow.revision_id.in_(plan.replaced)))
        session.execute(delete(RevisionRow).where(old))
        unused = plan.erased - set(session.scalars(select(FileRow.digest).where(FileRow.digest.in_(plan.erased))))
        session.execute(delete(BlobRow).where(BlobRow.digest.in_(unused)))
        for table in (UploadRow, NarrowUploadRow):
            session.execute(delete(table).where(table.digest.in_(unused)))
        describe(session, row, artifact, head)
        log_action(
            session, actor, "files.erase", str(artifact.name), files=sorted(plan.erased), revisions=len(plan.replaced)
        )
        emit_rewrite(session, row, refs, plan.replaced)
        enqueue_reference(session, artifact.name)
