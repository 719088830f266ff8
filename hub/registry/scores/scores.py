"""Scores of an artifact: those of its card, those published by accounts, and disputes.

A score of the card has no author. A published score names its account, the measured revision, the run and the machine, and is
deleted with the artifact. A dispute is stored beside the score that it is about. Scores that this hub has reproduced are in
`hub.registry.scores.evaluations`.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from hub.errors import Conflict, InvalidRequest, Unknown
from hub.names import ArtifactName
from hub.records import Provenance, Score
from hub.registry.accounts.audit import log_action
from hub.registry.accounts.permissions import Actor
from hub.registry.database.clock import from_column, utc_now
from hub.registry.index.current_revisions import current_revisions
from hub.registry.index.ranking import UNMEASURED, ranking, ranking_in
from hub.registry.scores.parity import renew_parities
from hub.registry.scores.rows import read_score
from hub.scores.setting import setting_of

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hub.registry.database.database import Database
    from hub.registry.tables.artifacts import ArtifactRow
    from hub.registry.tables.scores import ScoreRow

FIRST_REPRODUCED = -1_000_000
"""Position of the first reproduced score, before all scores of any card."""
FIRST_PUBLISHED = 1_000_000
"""Position of the first published score, after all scores of any card."""
MAX_PUBLISHED = 10_000
"""Maximum number of published scores of an artifact."""
_IDENTITY = ("metric", "value", "benchmark", "benchmark_digest", "split", "language", "base", "source")


class UnknownScore(Unknown):
    """The artifact has no such score."""

    noun = "score"


@dataclass(frozen=True, slots=True)
class Dispute:
    """An account that disputes a score."""

    account: str
    reason: str
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """How a score was measured."""

    revision: str
    """Id of the measured revision."""
    run: str
    """Command or run, so that others can reproduce it."""
    machine: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedScore:
    """A score with its author and disputes."""

    id: str
    score: Score
    author: str = ""
    """Empty for a score of the card."""
    measurement: Measurement | None = None
    at: datetime | None = None
    disputes: tuple[Dispute, ...] = ()


def score_id(score: Score | ScoreRow) -> str:
    """Return 16 hex digits that identify a score across revisions of its card."""
    identity = [getattr(score, name) for name in _IDENTITY]
    return hashlib.sha256(json.dumps(identity, ensure_ascii=False).encode()).hexdigest()[:16]


def published_scores(database: Database, name: ArtifactName) -> list[PublishedScore]:
    """Return all scores of an artifact: those of the card in its order, then published ones."""
    disputes = defaultdict(list)
    for row in database.rows(
        "SELECT disputes.* FROM disputes JOIN artifacts ON artifacts.id = artifact_id WHERE key = :key ORDER BY at, account",
        {"key": name.key},
    ):
        disputes[row["score"]].append(Dispute(row["account"], row["reason"], from_column(row["at"])))
    found = []
    for row in database.rows(
        "SELECT scores.* FROM scores JOIN artifacts ON artifacts.id = artifact_id WHERE key = :key ORDER BY position",
        {"key": name.key},
    ):
        score = read_score(row)
        known = score_id(score)
        found.append(
            PublishedScore(
                id=known, score=score, author=row["author"], at=from_column(row["published_at"]),
                measurement=Measurement(revision=row["revision"], run=row["run"], machine=row["machine"]) if row["author"] else None,
                disputes=tuple(disputes[known]),
            )
        )  # fmt: skip
    return found


def publish_score(
    database: Database, name: ArtifactName, score: Score, measurement: Measurement, actor: Actor
) -> PublishedScore:
    """Publish a score that an account has measured. It does not affect the artifact's rank.

    Publishing the same score again from the same account does nothing. Raises InvalidRequest for another revision than the
    current one, and if the artifact has too many scores.
    """
    from sqlalchemy import func, select

    from hub.registry.events import SCORE, emit, score_event
    from hub.registry.tables.scores import ScoreRow

    assert score.provenance in {Provenance.SELF_REPORTED, Provenance.REPORTED}
    with database.transaction() as session:
        row = _get_row(session, name)
        current = current_revisions(database, [row.id]).get(row.id, "")
        if measurement.revision != current:
            raise InvalidRequest(
                f"the score is for revision {measurement.revision[:12]}, but `{name}` is at {current[:12] or 'none'}: measure that one."
            )
        published = session.scalars(select(ScoreRow).where(ScoreRow.artifact_id == row.id, ScoreRow.author != "")).all()
        known = score_id(score)
        for each in published:
            if (
                each.author == actor.name
                and each.source == score.source
                and each.value == score.value
                and score_id(each) == known
            ):
                return next(
                    found
                    for found in published_scores(database, name)
                    if found.id == known and found.author == actor.name
                )
        if len(published) >= MAX_PUBLISHED:
            raise InvalidRequest(
                f"`{name}` already has {len(published)} published scores, the maximum: add yours to a card."
            )
        last = session.scalar(select(func.max(ScoreRow.position)).where(ScoreRow.artifact_id == row.id)) or 0
        at = utc_now()
        kept = ScoreRow(
            artifact_id=row.id, position=max(last + 1, FIRST_PUBLISHED), author=actor.name, published_at=at,
            ranking=max(ranking(score, languages_of(session, row), row.owner), UNMEASURED),
            setting=setting_of(score, measurement.machine), **asdict(measurement), **asdict(score),
        )  # fmt: skip
        session.add(kept)
        renew_parities(session, row)
        log_action(
            session, actor, "score.publish", str(name), score=known, metric=score.metric, revision=measurement.revision
        )
        emit(session, row, SCORE, "create", scores=[score_event(kept)])
    return PublishedScore(id=known, score=score, author=actor.name, measurement=measurement, at=at)


def dispute(database: Database, name: ArtifactName, score: str, reason: str, actor: Actor) -> PublishedScore:
    """Dispute a score. What an owner claims becomes `disputed`; what this hub has reproduced stays so and shows the dispute.

    Raises UnknownScore, and Conflict for the account's own score or one that it already disputes.
    """
    from hub.registry.tables.scores import DisputeRow

    with database.transaction() as session:
        row = _get_row(session, name)
        found = [each for each in published_scores(database, name) if each.id == score]
        if not found:
            raise UnknownScore(score, listing=f"hub show {name} --scores")
        if any(each.author == actor.name for each in found):
            raise Conflict(f"score `{score}` of `{name}` is your own: publish a corrected one.")
        if session.get(DisputeRow, (row.id, score, actor.name)) is not None:
            raise Conflict(f"you already dispute score `{score}` of `{name}`.")
        session.add(DisputeRow(artifact_id=row.id, score=score, account=actor.name, reason=reason, at=utc_now()))
        session.flush()
        mark_disputed(session, row)
        update_ranking(session, row)
        renew_parities(session, row)
        log_action(session, actor, "score.dispute", str(name), score=score, reason=reason)
    return next(each for each in published_scores(database, name) if each.id == score)


def mark_disputed(session: Session, row: ArtifactRow) -> None:
    """Mark the claims that accounts or this hub dispute as disputed. Run again whenever the scores of a card are rewritten."""
    from sqlalchemy import select

    from hub.registry.tables.scores import DisputeRow, ScoreRow

    disputes: dict[str, list[str]] = defaultdict(list)
    for each in session.scalars(select(DisputeRow).where(DisputeRow.artifact_id == row.id).order_by(DisputeRow.at)):
        disputes[each.score].append(f"{each.reason} ({each.account})")
    if not disputes:
        return
    languages = languages_of(session, row)
    claims = ScoreRow.provenance.in_((Provenance.REPORTED.value, Provenance.SELF_REPORTED.value))
    for found in session.scalars(select(ScoreRow).where(ScoreRow.artifact_id == row.id, claims)).all():
        if reasons := disputes.get(score_id(found)):
            found.provenance, found.reason = Provenance.DISPUTED.value, "; ".join(reasons)
            ranked = ranking(found, languages, row.owner)
            found.ranking = max(ranked, UNMEASURED) if found.author else ranked


def rank_again(session: Session, row: ArtifactRow) -> None:
    """Rank the scores of an artifact's card again, after its owner has changed."""
    from sqlalchemy import select

    from hub.registry.tables.scores import ScoreRow

    languages = languages_of(session, row)
    for each in session.scalars(select(ScoreRow).where(ScoreRow.artifact_id == row.id, ScoreRow.author == "")).all():
        each.ranking = ranking(each, languages, row.owner)
    session.flush()
    update_ranking(session, row)
    renew_parities(session, row)


def update_ranking(session: Session, row: ArtifactRow) -> None:
    """Update the artifact's ranking, overall and in each language, from its scores."""
    from sqlalchemy import select

    from hub.registry.tables.artifacts import LanguageRow
    from hub.registry.tables.scores import ScoreRow

    rankings = [(language, rank) for language, rank in session.execute(
        select(ScoreRow.language, ScoreRow.ranking).where(ScoreRow.artifact_id == row.id))]  # fmt: skip
    row.ranking = min([UNMEASURED, *(rank for _, rank in rankings)])
    for found in session.scalars(select(LanguageRow).where(LanguageRow.artifact_id == row.id)):
        found.ranking = ranking_in(found.tag, rankings)


def _get_row(session: Session, name: ArtifactName) -> ArtifactRow:
    from hub.registry.tables.artifacts import artifact_row

    row = artifact_row(session, name)
    assert row is not None, "the artifact was found before"
    return row


def languages_of(session: Session, row: ArtifactRow) -> list[str]:
    """Return the languages that the artifact was made for."""
    from sqlalchemy import select

    from hub.registry.tables.artifacts import LanguageRow

    return list(session.scalars(select(LanguageRow.tag).where(LanguageRow.artifact_id == row.id)))
