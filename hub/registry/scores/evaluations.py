"""This hub's own evaluations: the only origin of reproduced scores.

An evaluation belongs to an artifact and one of its revisions. `add_reproduced` derives the reproduced scores of the current
revision from it whenever the artifact is described. Nothing is passed on: a copy is another artifact, a commit is another
revision, and a new name forgets all evaluations.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from hub.names import ArtifactName
from hub.records import Provenance, Score
from hub.registry.database.clock import utc_now
from hub.registry.index.current_revisions import current_revisions
from hub.registry.index.ranking import NEVER, ranking
from hub.registry.scores.parity import renew_parities
from hub.registry.scores.rows import question_of
from hub.registry.scores.scores import FIRST_REPRODUCED, languages_of, score_id
from hub.scores.setting import setting_of

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hub.registry.database.database import Database
    from hub.registry.tables.artifacts import ArtifactRow
    from hub.registry.tables.scores import EvaluationRow, ScoreRow

THIS_HUB = "this hub"
"""Disputes a score that it could not reproduce. No account can have a name with a space."""
TOLERANCE = 0.05
"""Largest relative difference of two values without an interval, such as FIDs, that agree."""


def agrees(claim: Score | ScoreRow, found: Score | EvaluationRow) -> bool:
    """Return whether the claimed value lies in the interval that this hub found, or within TOLERANCE if there is none.

    The claim's own interval is ignored, because its author can make it arbitrarily wide. Without an interval, values of different sample
    sizes cannot be compared, because a Fréchet distance falls with n, so the claim is not contradicted.
    """
    if found.low is not None and found.high is not None:
        return found.low <= claim.value <= found.high
    return claim.sample_size != found.sample_size or abs(claim.value - found.value) <= TOLERANCE * max(
        abs(claim.value), abs(found.value)
    )


def keep_evaluations(session: Session, row: ArtifactRow, revision: str, scores: Iterable[Score]) -> None:
    """Keep what this hub measured on a revision, instead of earlier answers to the same questions."""
    from hub.registry.tables.scores import EvaluationRow

    for score in scores:
        fields = asdict(score)
        del fields["provenance"], fields["reason"]
        session.merge(EvaluationRow(artifact_id=row.id, revision=revision, at=utc_now(), **fields))
    session.flush()


def forget_evaluations(session: Session, row: ArtifactRow) -> None:
    """Forget all evaluations of an artifact and its reproduced scores: it is no longer the artifact that was evaluated."""
    from sqlalchemy import delete

    from hub.registry.tables.scores import EvaluationRow, ScoreRow

    session.execute(delete(EvaluationRow).where(EvaluationRow.artifact_id == row.id))
    reproduced = (ScoreRow.artifact_id == row.id, ScoreRow.provenance == Provenance.REPRODUCED.value)
    session.execute(delete(ScoreRow).where(*reproduced))
    renew_parities(session, row)


def add_reproduced(session: Session, row: ArtifactRow, revision: str) -> None:
    """Add the reproduced scores of the current revision, and dispute the claims of its card that differ from them."""
    from sqlalchemy import select

    from hub.registry.tables.scores import DisputeRow, EvaluationRow, ScoreRow

    of_revision = (EvaluationRow.artifact_id == row.id, EvaluationRow.revision == revision)
    evaluations = session.scalars(select(EvaluationRow).where(*of_revision).order_by(EvaluationRow.at)).all()
    found = {question_of(each): each for each in evaluations}
    claims = select(ScoreRow).where(
        ScoreRow.artifact_id == row.id, ScoreRow.author == "", ScoreRow.provenance == Provenance.SELF_REPORTED.value
    )
    for claim in session.scalars(claims).all() if found else ():
        if (answer := found.get(question_of(claim))) is None:
            continue
        known = session.get(DisputeRow, (row.id, score_id(claim), THIS_HUB))
        if known is not None:
            session.delete(known)
            session.flush()
        if not agrees(claim, answer):
            reason = f"measured as {_words(answer)} on revision {revision[:12]}"
            session.add(
                DisputeRow(artifact_id=row.id, score=score_id(claim), account=THIS_HUB, reason=reason, at=utc_now())
            )
    languages = languages_of(session, row)
    fields = [name for name in Score.__slots__ if name not in {"provenance", "reason"}]
    for place, each in enumerate(evaluations):
        score = Score(provenance=Provenance.REPRODUCED, **{name: getattr(each, name) for name in fields})
        session.add(
            ScoreRow(
                artifact_id=row.id, position=FIRST_REPRODUCED + place, revision=revision, published_at=each.at,
                ranking=ranking(score, languages, row.owner), setting=setting_of(score), **asdict(score),
            )
        )  # fmt: skip
    session.flush()


def unreproduced(database: Database, benchmarks: Sequence[str]) -> list[tuple[ArtifactName, str]]:
    """Return artifacts with self-reported scores on `benchmarks`, of whose current revision nothing is reproduced.

    Each with that revision, oldest artifact first.
    """
    among, values = database.in_list("benchmark", benchmarks, "benchmarks")
    rows = database.rows(
        "SELECT id, owner, name FROM artifacts WHERE id IN ("  # noqa: S608 - only bound parameters and a constant
        f"SELECT artifact_id FROM scores WHERE {among} AND provenance = :claimed AND author = '' AND ranking < {NEVER}) "
        "AND NOT EXISTS (SELECT 1 FROM scores WHERE artifact_id = artifacts.id AND provenance = :reproduced) ORDER BY id",
        {**values, "claimed": Provenance.SELF_REPORTED.value, "reproduced": Provenance.REPRODUCED.value},
    )
    revisions = current_revisions(database, [row["id"] for row in rows])
    return [(ArtifactName(row["owner"], row["name"]), revisions[row["id"]]) for row in rows if row["id"] in revisions]


def _words(found: EvaluationRow) -> str:
    interval = f" [{found.low:.3g}–{found.high:.3g}]" if found.low is not None and found.high is not None else ""
    return f"{found.value:.4g}{interval}"
