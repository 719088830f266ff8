"""Record the first revisions of many artifacts in one transaction, with a few statements: the first use of an installation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from hub.records import Artifact, Revision
from hub.registry.artifacts.record import HEAD_REF, add_revisions, columns_of, insert_rows, new_columns, record, rows_of
from hub.registry.events import has_listeners
from hub.registry.index.facet_counts import EVERYTHING, add_counts
from hub.registry.index.text import facets_of
from hub.registry.outbox.queue import WRITE_REFERENCE, enqueue_all
from hub.registry.tables.artifacts import ArtifactRow, RefRow, RevisionRow


def record_new(session: Session, entries: Sequence[tuple[Artifact, Revision]]) -> None:
    """Record artifacts with different names, each with its first revision as the head of `main`.

    Raises Conflict if one of them exists.
    """
    keys, ids = [artifact.name.key for artifact, _ in entries], [revision.id for _, revision in entries]
    known = select(ArtifactRow.id).where(ArtifactRow.key.in_(keys))
    recorded = select(RevisionRow.id).where(RevisionRow.id.in_(ids))
    if has_listeners(session) or session.scalar(known) or session.scalar(recorded):
        for artifact, revision in entries:
            record(session, artifact, revision, None)
        return
    columns = [new_columns(*each) | columns_of(*each) for each in entries]
    added = session.scalars(insert(ArtifactRow).returning(ArtifactRow.id, sort_by_parameter_order=True), columns).all()
    tables = zip(*(rows_of(each, artifact) for each, (artifact, _) in zip(added, entries, strict=True)), strict=True)
    insert_rows(session, [(same[0][0], [row for _, rows in same for row in rows]) for same in tables])
    revisions = [revision for _, revision in entries]
    add_revisions(session, [(each, 1, revision) for each, revision in zip(added, revisions, strict=True)])
    refs = [
        {"artifact_id": each, "name": HEAD_REF, "revision_id": revision.id}
        for each, revision in zip(added, revisions, strict=True)
    ]
    insert_rows(session, [(RefRow, refs)])
    public = [artifact for artifact, _ in entries if not artifact.private]
    add_counts(session, Counter(facet for each in public for facet in {EVERYTHING, *facets_of(each)}))
    enqueue_all(session, WRITE_REFERENCE, [str(artifact.name) for artifact, _ in entries])
