"""Scores of an artifact: those of its card, and those that people have measured and published since; and doubts.

Who said what is never mixed. A score of the card has no author here. A published one names its account, the revision
that was measured, run and machine, and leaves with the artifact. A doubt is kept beside the score it is about.
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
from hub.registry.accounts.audit import note
from hub.registry.accounts.permissions import Actor
from hub.registry.database.clock import from_column, utc_now
from hub.registry.index.heads import chosen_revisions
from hub.registry.index.ranking import UNMEASURED, ranking, ranking_in
from hub.registry.scores.rows import read_score

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hub.registry.database.database import Database
    from hub.registry.tables.artifacts import ArtifactRow
    from hub.registry.tables.scores import ScoreRow

FIRST_PUBLISHED = 1_000_000
"""Position of the first published score: behind all of any card."""
MAX_PUBLISHED = 10_000
"""Of one artifact."""
_IDENTITY = ("metric", "value", "benchmark", "benchmark_digest", "split", "language", "base", "source")


class UnknownScore(Unknown):
    """The artifact has no such score."""

    noun = "score"


@dataclass(frozen=True, slots=True)
class Dispute:
    """Somebody's doubt."""

    account: str
    reason: str
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """Where and of what a score was measured."""

    revision: str
    """Id of the revision."""
    run: str
    """Command or run, so that it can be run again."""
    machine: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedScore:
    """A score, who said it, and who doubts it."""

    id: str
    score: Score
    author: str = ""
    """Empty: the card says so."""
    measurement: Measurement | None = None
    at: datetime | None = None
    disputes: tuple[Dispute, ...] = ()


def score_id(score: Score | ScoreRow) -> str:
    """16 digits that stay while the score does, whatever revision its card is of."""
    said = [getattr(score, name) for name in _IDENTITY]
    return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()[:16]


def published_scores(database: Database, name: ArtifactName) -> list[PublishedScore]:
    """All scores of an artifact, in the card's order, published ones behind."""
    doubts = defaultdict(list)
    for row in database.rows(
        "SELECT disputes.* FROM disputes JOIN artifacts ON artifacts.id = artifact_id WHERE key = :key ORDER BY at, account",
        {"key": name.key},
    ):
        doubts[row["score"]].append(Dispute(row["account"], row["reason"], from_column(row["at"])))
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
                disputes=tuple(doubts[known]),
            )
        )  # fmt: skip
    return found


def publish_score(
    database: Database, name: ArtifactName, score: Score, measurement: Measurement, actor: Actor, *, counts: bool
) -> PublishedScore:
    """Keep a measured score. `counts`: whether it moves the artifact's place in searches, as its own people's do.

    The same score by the same account is kept once. Raises InvalidRequest when there are too many.
    """
    from sqlalchemy import func, select

    from hub.registry.events import SCORE, emit, score_event
    from hub.registry.tables.scores import ScoreRow

    assert score.provenance is Provenance.MEASURED
    with database.transaction() as session:
        row = _artifact(session, name)
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
                    said for said in published_scores(database, name) if said.id == known and said.author == actor.name
                )
        if len(published) >= MAX_PUBLISHED:
            raise InvalidRequest(
                f"`{name}` has {len(published)} published scores, and no more are kept: put yours into a card."
            )
        last = session.scalar(select(func.max(ScoreRow.position)).where(ScoreRow.artifact_id == row.id)) or 0
        at = utc_now()
        is_chosen = counts and measurement.revision == chosen_revisions(database, [row.id]).get(row.id)
        place = ranking(score, _languages(session, row))
        kept = ScoreRow(
            artifact_id=row.id, position=max(last + 1, FIRST_PUBLISHED), author=actor.name, published_at=at,
            ranking=place if is_chosen else max(place, UNMEASURED), **asdict(measurement), **asdict(score),
        )  # fmt: skip
        session.add(kept)
        session.flush()
        update_ranking(session, row)
        note(
            session, actor, "score.publish", str(name), score=known, metric=score.metric, revision=measurement.revision
        )
        emit(session, row, SCORE, "create", scores=[score_event(kept)])
    return PublishedScore(id=known, score=score, author=actor.name, measurement=measurement, at=at)


def dispute(database: Database, name: ArtifactName, score: str, reason: str, actor: Actor) -> PublishedScore:
    """Doubt a score, with a reason. A reported one is `disputed` from then on; a measured one stays measured.

    Raises UnknownScore, and Conflict for a score of one's own or one that one doubts already.
    """
    from hub.registry.tables.scores import DisputeRow

    with database.transaction() as session:
        row = _artifact(session, name)
        said = [each for each in published_scores(database, name) if each.id == score]
        if not said:
            raise UnknownScore(score, listing=f"hub show {name} --all-scores")
        if any(each.author == actor.name for each in said):
            raise Conflict(f"score `{score}` of `{name}` is your own: publish a better one.")
        if session.get(DisputeRow, (row.id, score, actor.name)) is not None:
            raise Conflict(f"you doubt score `{score}` of `{name}` already: take that back first.")
        session.add(DisputeRow(artifact_id=row.id, score=score, account=actor.name, reason=reason, at=utc_now()))
        session.flush()
        mark_disputed(session, row)
        note(session, actor, "score.dispute", str(name), score=score, reason=reason)
    return next(each for each in published_scores(database, name) if each.id == score)


def mark_disputed(session: Session, row: ArtifactRow) -> None:
    """Turn reported scores that somebody doubts into disputed ones; asked again when a card has been read again."""
    from sqlalchemy import select

    from hub.registry.tables.scores import DisputeRow, ScoreRow

    doubts: dict[str, list[str]] = defaultdict(list)
    for each in session.scalars(select(DisputeRow).where(DisputeRow.artifact_id == row.id).order_by(DisputeRow.at)):
        doubts[each.score].append(f"{each.reason} ({each.account})")
    if not doubts:
        return
    reported = select(ScoreRow).where(ScoreRow.artifact_id == row.id, ScoreRow.provenance == Provenance.REPORTED.value)
    for found in session.scalars(reported):
        if reasons := doubts.get(score_id(found)):
            found.provenance, found.reason = Provenance.DISPUTED.value, "; ".join(reasons)
            found.ranking = ranking(found, _languages(session, row))


def rank_published(session: Session, row: ArtifactRow, chosen: str) -> None:
    """Of the published scores, those of the chosen revision by the artifact's own people move it, and no others."""
    from sqlalchemy import or_, select, update

    from hub.registry.tables.accounts import AccountRow, MembershipRow
    from hub.registry.tables.scores import ScoreRow

    published = (ScoreRow.artifact_id == row.id, ScoreRow.author != "")
    stale = update(ScoreRow).where(*published, ScoreRow.revision != chosen, ScoreRow.ranking < UNMEASURED)
    session.execute(stale.values(ranking=UNMEASURED))
    organisation = select(AccountRow.id).where(AccountRow.key == row.owner.lower()).scalar_subquery()
    writers = select(MembershipRow.user_id).where(
        MembershipRow.organisation_id == organisation, MembershipRow.role.in_(("write", "admin"))
    )
    own_people = select(AccountRow.name).where(
        or_(AccountRow.is_admin, AccountRow.key == row.owner.lower(), AccountRow.id.in_(writers))
    )
    own = select(ScoreRow).where(*published, ScoreRow.revision == chosen, ScoreRow.author.in_(own_people))
    for each in session.scalars(own):
        score = Score(**{name: getattr(each, name) for name in Score.__slots__} | {"provenance": Provenance.MEASURED})
        each.ranking = ranking(score, _languages(session, row))


def update_ranking(session: Session, row: ArtifactRow) -> None:
    """Bring the artifact's place, and its place in each language, up to date with its scores."""
    from sqlalchemy import select

    from hub.registry.tables.artifacts import LanguageRow
    from hub.registry.tables.scores import ScoreRow

    places = [(language, place) for language, place in session.execute(
        select(ScoreRow.language, ScoreRow.ranking).where(ScoreRow.artifact_id == row.id))]  # fmt: skip
    row.ranking = min([UNMEASURED, *(place for _, place in places)])
    for found in session.scalars(select(LanguageRow).where(LanguageRow.artifact_id == row.id)):
        found.ranking = ranking_in(found.tag, places)


def _artifact(session: Session, name: ArtifactName) -> ArtifactRow:
    from hub.registry.tables.artifacts import artifact_row

    row = artifact_row(session, name)
    assert row is not None, "the artifact was found before"
    return row


def _languages(session: Session, row: ArtifactRow) -> list[str]:
    from sqlalchemy import select

    from hub.registry.tables.artifacts import LanguageRow

    return list(session.scalars(select(LanguageRow.tag).where(LanguageRow.artifact_id == row.id)))
