"""Record a revision in one transaction, with compare-and-swap on its ref."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session, aliased

from hub.errors import Conflict
from hub.names import COMMIT_DIGITS, ArtifactName
from hub.records import DATASET, Artifact, Provenance, Revision, Score, join_names
from hub.registry.accounts.audit import log_action
from hub.registry.accounts.permissions import Actor
from hub.registry.artifacts.files import add_files
from hub.registry.database.clock import UNDATED
from hub.registry.events import CONFIG, REPO, SCORE, emit, emit_ref, has_listeners, score_event
from hub.registry.index.facet_bits import facet_bits
from hub.registry.index.facet_counts import EVERYTHING, add_counts, facets_in, recount
from hub.registry.index.ranking import UNMEASURED, ranking, ranking_in
from hub.registry.index.tags import index_words, is_image
from hub.registry.index.text import facets_of, words_of
from hub.registry.outbox.queue import WRITE_REFERENCE, enqueue, enqueue_all
from hub.registry.refs import BRANCH, MAIN
from hub.registry.scores.evaluations import add_reproduced, forget_evaluations, keep_evaluations
from hub.registry.scores.parity import parity_columns, renew_parities
from hub.registry.scores.scores import mark_disputed, update_ranking
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
from hub.registry.tables.base import Table, table_of
from hub.registry.tables.scores import EvaluationRow, ParityRow, ScoreRow
from hub.registry.tables.trust import SignatureRow
from hub.scores.setting import setting_of

_STEP = 1000
"""Digests in one statement: databases bound the number of its values."""
_FIRST = ".gitattributes"
"""The only file of a repository that was just created: its listeners get one event."""


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
    if not is_new or any(file.path != _FIRST for file in revision.files):
        emit_ref(session, row, "branch", branch, found, revision.id)
    if scores := [score for score in _scores(session, row) if score not in scores_before]:
        emit(session, row, SCORE, "create", scores=scores)


def record_new(session: Session, entries: Sequence[tuple[Artifact, Revision]]) -> None:
    """Record artifacts with different names, each with its first revision as the head of `main`, in a few statements.

    Raises Conflict if one of them exists.
    """
    keys, ids = [artifact.name.key for artifact, _ in entries], [revision.id for _, revision in entries]
    known = select(ArtifactRow.id).where(ArtifactRow.key.in_(keys))
    recorded = select(RevisionRow.id).where(RevisionRow.id.in_(ids))
    if has_listeners(session) or session.scalar(known) or session.scalar(recorded):
        for artifact, revision in entries:
            record(session, artifact, revision, None)
        return
    session.execute(delete(TombstoneRow).where(TombstoneRow.key.in_(keys)))
    for artifact, _ in entries:
        _check_namespace(artifact)
    columns = [new_columns(*each) | columns_of(*each) for each in entries]
    added = session.scalars(insert(ArtifactRow).returning(ArtifactRow.id, sort_by_parameter_order=True), columns).all()
    tables = zip(*(rows_of(each, artifact) for each, (artifact, _) in zip(added, entries, strict=True)), strict=True)
    insert_rows(session, [(same[0][0], [row for _, rows in same for row in rows]) for same in tables])
    revisions = [revision for _, revision in entries]
    add_revisions(session, [(each, 1, revision) for each, revision in zip(added, revisions, strict=True)])
    refs = [
        {"artifact_id": each, "name": MAIN, "kind": BRANCH, "revision_id": revision.id}
        for each, revision in zip(added, revisions, strict=True)
    ]
    insert_rows(session, [(RefRow, refs)])
    public = [artifact for artifact, _ in entries if not artifact.private]
    add_counts(session, Counter(facet for each in public for facet in {EVERYTHING, *facets_of(each)}))
    enqueue_all(session, WRITE_REFERENCE, [str(artifact.name) for artifact, _ in entries])


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


def reproduce(session: Session, artifact: Artifact, revision: Revision, scores: Sequence[Score], actor: Actor) -> None:
    """Record what this hub has measured on the current revision of an artifact; see `hub.publish.reproduce`."""
    row = artifact_row(session, artifact.name)
    assert row is not None, "the artifact was found before"
    keep_evaluations(session, row, revision.id, scores)
    describe(session, row, artifact, revision)
    log_action(session, actor, "score.reproduce", str(artifact.name), revision=revision.id, scores=len(scores))
    reproduced = (ScoreRow.artifact_id == row.id, ScoreRow.provenance == Provenance.REPRODUCED.value)
    shown = session.scalars(select(ScoreRow).where(*reproduced).order_by(ScoreRow.position))
    emit(session, row, SCORE, "create", scores=[score_event(each) for each in shown])


def remove(session: Session, name: ArtifactName) -> None:
    """Delete an artifact with everything that belongs to it. Its blobs stay in the store until they are garbage-collected."""
    row = artifact_row(session, name)
    if row is None:
        return
    emit(session, row, REPO, "delete")
    recount(session, facets_in(session, row), ())
    forget_evaluations(session, row)
    gone = _only_in(session, row)
    for table in (RefRow, ScoreRow, ParityRow, VariantRow, BaseRow, LanguageRow):
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
    _check_namespace(artifact)
    is_new = row is None
    former = facets_in(session, row) if row else set()
    if row is None:
        row = ArtifactRow(**new_columns(artifact, revision))
        session.add(row)
    artifact = dataclasses.replace(artifact, gated=row.gated)
    for column, value in columns_of(artifact, revision).items():
        setattr(row, column, value)
    session.flush()
    recount(session, former, [] if row.private else [EVERYTHING, *facets_of(artifact)])
    if not is_new:
        for table in (LanguageRow, BaseRow, VariantRow, ParityRow):
            session.execute(delete(table).where(table.artifact_id == row.id))
        session.execute(delete(ScoreRow).where(ScoreRow.artifact_id == row.id, ScoreRow.author == ""))
    insert_rows(session, rows_of(row.id, artifact))
    if artifact.scores or (not is_new and _has_scores(session, row)):
        add_reproduced(session, row, revision.id)
        mark_disputed(session, row)
        update_ranking(session, row)
        renew_parities(session, row)
    return row


def _has_scores(session: Session, row: ArtifactRow) -> bool:
    """Return whether others have published scores of an artifact, or this hub has measured some."""
    published = select(ScoreRow.artifact_id).where(ScoreRow.artifact_id == row.id)
    measured = select(EvaluationRow.artifact_id).where(EvaluationRow.artifact_id == row.id)
    return bool(session.scalar(select(published.exists() | measured.exists())))


def new_columns(artifact: Artifact, revision: Revision) -> dict[str, Any]:
    """Return the columns of a new artifact that later revisions do not change."""
    return {
        "owner": artifact.name.owner, "name": artifact.name.name, "key": artifact.name.key, "bare_key": artifact.name.name.lower(),
        "downloads": 0, "likes": 0, "created_at": revision.created_at or UNDATED,
        "private": artifact.private, "gated": artifact.gated, "allow_unsafe_files": artifact.allow_unsafe_files,
    }  # fmt: skip


def columns_of(artifact: Artifact, revision: Revision) -> dict[str, Any]:
    """Return the columns that describe an artifact by a revision."""
    return {
        "kind": artifact.kind, "summary": artifact.summary, "license": artifact.license, "method": artifact.method,
        "encoder": artifact.encoder, "tags": list(artifact.tags),
        "aliases": list(artifact.aliases), "trained_languages": list(artifact.trained_languages),
        "conditioning": artifact.conditioning.as_json() if artifact.conditioning else None,
        "upstream": [dataclasses.asdict(each) for each in artifact.upstream],
        "weights_digest": artifact.weights_digest, "size_bytes": artifact.size_bytes,
        "updated_at": revision.created_at or UNDATED, "ranking": min([UNMEASURED, *(rank for _, rank in _rankings(artifact))]),
        "weights": artifact.weights, "parameters": artifact.total_parameters,
        "words": words_of(artifact), "facets": index_words(artifact, has_images=any(is_image(file.path) for file in revision.files)),
        "facet_bits": facet_bits(artifact),
    }  # fmt: skip


def rows_of(artifact_id: int, artifact: Artifact) -> list[tuple[type[Table], list[dict[str, Any]]]]:
    """Return the rows of the languages, bases, variants, scores and parities of an artifact's card, by table."""
    artifact = dataclasses.replace(artifact, scores=tuple(map(_claim, artifact.scores)))
    rankings, bits = _rankings(artifact), facet_bits(artifact)
    rows: dict[type[Table], list[dict[str, Any]]] = {
        LanguageRow: [
            {"position": position, "tag": tag, "ranking": ranking_in(tag, rankings), "facet_bits": bits}
            for position, tag in enumerate(artifact.languages)
        ],
        BaseRow: [
            {"position": position, "base": base, "base_key": base.rpartition("/")[2].lower()}
            for position, base in enumerate(artifact.bases)
        ],
        VariantRow: [
            {
                "folder": variant.folder, "base": variant.base.name, "base_digest": variant.base.digest,
                "encoder": join_names(pin.name for pin in variant.encoders) or None,
                "encoder_digest": join_names(pin.digest for pin in variant.encoders) if variant.encoder else None,
                "method": variant.method, "architecture": variant.architecture,
                "conditioning": variant.conditioning.as_json(),
            }
            for variant in artifact.variants
        ],
        ScoreRow: [
            # Multilingual artifacts have hundreds, so nothing is copied deeply.
            {name: getattr(score, name) for name in Score.__slots__}
            | {"position": position, "ranking": rank, "setting": setting_of(score)}
            for position, (score, (_, rank)) in enumerate(zip(artifact.scores, rankings, strict=True))
        ],
        ParityRow: parity_columns([*enumerate(artifact.scores)], artifact.name, artifact.kind, artifact.method),
    }  # fmt: skip
    return [(table, [each | {"artifact_id": artifact_id} for each in found]) for table, found in rows.items()]


def insert_rows(session: Session, rows: Iterable[tuple[type[Table], list[dict[str, Any]]]]) -> None:
    """Insert rows, with one statement for each table. Without the ORM, whose bookkeeping takes longer than the database."""
    for table, values in rows:
        if values:
            session.connection().execute(insert(table_of(table)), values)


def _rankings(artifact: Artifact) -> list[tuple[str, float]]:
    """Return the language and the ranking of each score."""
    return [
        (score.language, ranking(score, artifact.languages, artifact.name.owner))
        for score in map(_claim, artifact.scores)
    ]


def add_revision(session: Session, artifact_id: int, number: int, revision: Revision) -> None:
    """Add a revision with its files, under an unused number."""
    add_revisions(session, [(artifact_id, number, revision)])


def add_revisions(session: Session, revisions: Sequence[tuple[int, int, Revision]]) -> None:
    """Add revisions of any artifacts, given by id, with their numbers and files."""
    session.flush()
    columns = [
        {
            "id": each.id, "artifact_id": artifact_id, "number": number, "created_at": each.created_at or UNDATED,
            "message": each.message, "parent": each.parent, "yanked": each.yanked, "author": each.author,
        }
        for artifact_id, number, each in revisions
    ]  # fmt: skip
    signatures = [
        {"revision_id": each.id, **dataclasses.asdict(each.signature)} for _, _, each in revisions if each.signature
    ]
    insert_rows(session, [(RevisionRow, columns), (SignatureRow, signatures)])
    add_files(session, [each for _, _, each in revisions])


def _claim(score: Score) -> Score:
    """Return a score of a card as a claim: only `add_reproduced` makes reproduced ones."""
    is_ours = score.provenance is Provenance.REPRODUCED
    return dataclasses.replace(score, provenance=Provenance.SELF_REPORTED) if is_ours else score


def _scores(session: Session, row: ArtifactRow) -> list[dict[str, Any]]:
    """Return the scores of an artifact as they are in events."""
    rows = session.scalars(select(ScoreRow).where(ScoreRow.artifact_id == row.id).order_by(ScoreRow.position))
    return [score_event(each) for each in rows]


def _check_namespace(artifact: Artifact) -> None:
    assert artifact.name.is_dataset == (artifact.kind == DATASET), "data sets have names of their own"
