"""Record a revision in one transaction, with compare-and-swap on its ref."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, aliased

from hub.errors import Conflict
from hub.names import COMMIT_DIGITS, ArtifactName
from hub.records import DATASET, Artifact, Revision, join_names
from hub.registry.accounts.audit import log_action
from hub.registry.accounts.permissions import Actor
from hub.registry.artifacts.files import add_files
from hub.registry.database.clock import UNDATED
from hub.registry.events import CONFIG, REPO, SCORE, emit, emit_ref, has_listeners, score_event
from hub.registry.index.facet_counts import EVERYTHING, facets_in, recount
from hub.registry.index.ranking import UNMEASURED, ranking
from hub.registry.index.tags import index_words
from hub.registry.index.text import facets_of, words_of
from hub.registry.outbox.queue import WRITE_REFERENCE, enqueue
from hub.registry.refs import BRANCH, MAIN
from hub.registry.scores.scores import mark_disputed, rank_published, update_ranking
from hub.registry.tables.accounts import TombstoneRow, UploadRow
from hub.registry.tables.artifacts import (
    ArtifactRow,
    BaseRow,
    BlobRow,
    FileRow,
    LanguageRow,
    RefRow,
    RevisionRow,
    VariantRow,
    artifact_row,
)
from hub.registry.tables.scores import ScoreRow
from hub.registry.tables.trust import SignatureRow

_STEP = 1000
"""Digests in one statement: databases bound the number of its values."""


def record(
    session: Session,
    artifact: Artifact,
    revision: Revision,
    expected_parent: str | None,
    *,
    branch: str = MAIN,
    actor: Actor | None = None,
) -> None:
    """Make `revision` the head of a branch of `artifact`; see `Registry.record`.

    Only revisions on `main` that are not yanked update the description of the artifact.
    """
    row = artifact_row(session, artifact.name)
    head = session.get(RefRow, (row.id, branch, BRANCH)) if row else None
    found = head.revision_id if head else None
    if found != (expected_parent or None):
        raise Conflict(
            f"`{artifact.name}` is at revision {found[:12] if found else 'none'}, not {(expected_parent or 'none')[:12]}: "
            f"someone else pushed first. Show it with `hub show {artifact.name}`, then push again."
        )
    is_new = row is None
    if is_new:
        session.execute(delete(TombstoneRow).where(TombstoneRow.key == artifact.name.key))
    has_audience = has_listeners(session)
    scores_before = _scores(session, row) if row and has_audience else []
    if row is None or (branch == MAIN and not revision.yanked):
        row = describe(session, row, artifact, revision)
    if session.get(RevisionRow, revision.id) is None:  # A curated card can return to an earlier content.
        number = session.scalar(select(func.max(RevisionRow.number)).where(RevisionRow.artifact_id == row.id)) or 0
        add_revision(session, row.id, number + 1, revision)
    if head:
        head.revision_id = revision.id
    else:
        session.add(RefRow(artifact_id=row.id, name=branch, kind=BRANCH, revision_id=revision.id))
    if actor is not None:
        detail = {"revision": revision.id, "branch": branch, "message": revision.message, "files": len(revision.files)}
        log_action(session, actor, "commit", str(artifact.name), **detail)
    enqueue_reference(session, artifact.name)
    if not has_audience:
        return
    session.flush()
    if is_new:
        emit(session, row, REPO, "create")
    if revision.files or not is_new:
        emit_ref(session, row, "branch", branch, found, revision.id)
    if scores := [score for score in _scores(session, row) if score not in scores_before]:
        emit(session, row, SCORE, "create", scores=scores)


def yank(
    session: Session,
    name: ArtifactName,
    revision_id: str,
    *,
    yanked: bool,
    current: tuple[Artifact, Revision] | None = None,
    actor: Actor | None = None,
    reason: str = "",
) -> None:
    """Yank a revision, or undo it, and describe the artifact by the `current` revision."""
    row = session.get_one(RevisionRow, revision_id)
    row.yanked = yanked
    head = session.get_one(RevisionRow, session.get_one(RefRow, (row.artifact_id, MAIN, BRANCH)).revision_id)
    if current is not None and (head.yanked or head.id == current[1].id):  # Otherwise there is a newer commit.
        describe(session, session.get_one(ArtifactRow, row.artifact_id), *current)
    if actor is not None:
        action = "revision.yank" if yanked else "revision.unyank"
        log_action(session, actor, action, str(name), revision=revision_id, reason=reason)
    enqueue_reference(session, name)
    config = {"yanked": yanked, "revision": revision_id[:COMMIT_DIGITS]}
    emit(session, session.get_one(ArtifactRow, row.artifact_id), CONFIG, "update", updatedConfig=config)


def remove(session: Session, name: ArtifactName) -> None:
    """Delete an artifact with everything that belongs to it. Its blobs stay in the store until they are garbage-collected."""
    row = artifact_row(session, name)
    if row is None:
        return
    emit(session, row, REPO, "delete")
    recount(session, facets_in(session, row), ())
    gone = _only_in(session, row)
    for table in (RefRow, ScoreRow, VariantRow, BaseRow, LanguageRow):
        session.execute(delete(table).where(table.artifact_id == row.id))
    session.delete(row)
    session.flush()
    for begin in range(0, len(gone), _STEP):
        some = gone[begin : begin + _STEP]
        session.execute(delete(BlobRow).where(BlobRow.digest.in_(some)))
        # Otherwise what was deleted would count as uploaded without a commit.
        session.execute(delete(UploadRow).where(UploadRow.digest.in_(some), UploadRow.owner == name.owner.lower()))
    enqueue_reference(session, name)


def _only_in(session: Session, row: ArtifactRow) -> Sequence[str]:
    """Return the digests of the files that no other artifact contains."""
    other = aliased(FileRow)
    elsewhere = select(other.digest).join(RevisionRow, RevisionRow.id == other.revision_id)
    elsewhere = elsewhere.where(other.digest == FileRow.digest, RevisionRow.artifact_id != row.id)
    own = select(RevisionRow.id).where(RevisionRow.artifact_id == row.id)
    question = select(FileRow.digest).where(FileRow.revision_id.in_(own), ~elsewhere.correlate(FileRow).exists())
    return session.scalars(question.distinct()).all()


def enqueue_reference(session: Session, name: ArtifactName) -> None:
    """Enqueue a job that writes the reference of `name` in the store."""
    enqueue(session, WRITE_REFERENCE, str(name))


def describe(session: Session, row: ArtifactRow | None, artifact: Artifact, revision: Revision) -> ArtifactRow:
    """Replace the description of an artifact by that of its newest revision."""
    assert artifact.name.is_dataset == (artifact.kind == DATASET), "data sets have names of their own"
    created_at = revision.created_at or UNDATED
    former = facets_in(session, row) if row else set()
    if row is None:
        row = ArtifactRow(
            owner=artifact.name.owner, name=artifact.name.name, key=artifact.name.key, bare_key=artifact.name.name.lower(),
            downloads=0, likes=0, created_at=created_at,
            private=artifact.private, gated=artifact.gated, allow_unsafe_files=artifact.allow_unsafe_files,
        )  # fmt: skip
        session.add(row)
    row.kind, row.summary, row.license = artifact.kind, artifact.summary, artifact.license
    row.method, row.encoder, row.tags = artifact.method, artifact.encoder, list(artifact.tags)
    row.conditioning = dataclasses.asdict(artifact.conditioning) if artifact.conditioning else None
    row.upstream = [dataclasses.asdict(each) for each in artifact.upstream]
    row.weights_digest, row.size_bytes, row.updated_at = artifact.weights_digest, artifact.size_bytes, created_at
    row.ranking = UNMEASURED
    facets = list(facets_of(artifact))
    row.weights, row.parameters = artifact.weights, artifact.total_parameters
    row.words, row.facets = words_of(artifact), index_words(dataclasses.replace(artifact, gated=row.gated))
    session.flush()
    recount(session, former, [] if row.private else [EVERYTHING, *facets])
    for table in (LanguageRow, BaseRow, VariantRow):
        session.execute(delete(table).where(table.artifact_id == row.id))
    session.execute(delete(ScoreRow).where(ScoreRow.artifact_id == row.id, ScoreRow.author == ""))
    session.add_all(
        LanguageRow(artifact_id=row.id, position=position, tag=tag, ranking=UNMEASURED)
        for position, tag in enumerate(artifact.languages)
    )
    session.add_all(
        BaseRow(artifact_id=row.id, position=position, base=base, base_key=base.rpartition("/")[2].lower())
        for position, base in enumerate(artifact.bases)
    )
    session.add_all(
        VariantRow(
            artifact_id=row.id, folder=variant.folder, base=variant.base.name, base_digest=variant.base.digest,
            encoder=join_names(pin.name for pin in variant.encoders) or None,
            encoder_digest=join_names(pin.digest for pin in variant.encoders) if variant.encoder else None,
            method=variant.method, architecture=variant.architecture, conditioning=dataclasses.asdict(variant.conditioning),
        )
        for variant in artifact.variants
    )  # fmt: skip
    session.add_all(
        ScoreRow(
            artifact_id=row.id,
            position=position,
            ranking=ranking(score, artifact.languages),
            **dataclasses.asdict(score),
        )
        for position, score in enumerate(artifact.scores)
    )  # fmt: skip
    session.flush()
    rank_published(session, row, revision.id)
    mark_disputed(session, row)
    update_ranking(session, row)
    return row


def add_revision(session: Session, artifact_id: int, number: int, revision: Revision) -> None:
    """Add a revision with its files, under an unused number."""
    session.add(
        RevisionRow(
            id=revision.id, artifact_id=artifact_id, number=number, created_at=revision.created_at or UNDATED,
            message=revision.message, parent=revision.parent, yanked=revision.yanked, author=revision.author,
        )
    )  # fmt: skip
    if revision.signature is not None:
        session.flush()
        session.add(SignatureRow(revision_id=revision.id, **dataclasses.asdict(revision.signature)))
    blobs = {file.digest.hex: file.size_bytes for file in revision.files}
    if blobs:
        dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
        insert = (
            dialect.insert(BlobRow)
            .values(digest=bindparam("digest"), size_bytes=bindparam("size_bytes"))
            .on_conflict_do_nothing()
        )
        session.execute(insert, [{"digest": digest, "size_bytes": size} for digest, size in blobs.items()])
    session.flush()
    add_files(session, revision.id, revision.files)


def _scores(session: Session, row: ArtifactRow) -> list[dict[str, Any]]:
    """Return the scores of an artifact as they are in events."""
    rows = session.scalars(select(ScoreRow).where(ScoreRow.artifact_id == row.id).order_by(ScoreRow.position))
    return [score_event(each) for each in rows]
