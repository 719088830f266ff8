"""Store the parities that the scores of an artifact contain; see `hub.scores.parity`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hub.names import ArtifactName
from hub.records import DATASET, Provenance, Score
from hub.registry.index.tags import CURATED_OWNER
from hub.scores.parity import Parity, derive_parities

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hub.registry.tables.artifacts import ArtifactRow
    from hub.registry.tables.scores import ScoreRow


def parity_columns(
    scores: Sequence[tuple[int, Score]], name: ArtifactName, kind: str, method: str
) -> list[dict[str, Any]]:
    """Return the columns of an artifact's rows of `parities`, without the artifact, from its scores with their positions."""
    found = derive_parities(scores, name, kind, method, is_curated=name.owner == CURATED_OWNER)
    return [{field: getattr(each, field) for field in Parity.__slots__} for each in found]


def renew_parities(session: Session, row: ArtifactRow) -> None:
    """Derive the parities of an artifact again, after its scores or their provenance have changed."""
    from sqlalchemy import delete, insert, select

    from hub.registry.tables.scores import ParityRow, ScoreRow

    session.flush()
    session.execute(delete(ParityRow).where(ParityRow.artifact_id == row.id))
    found = session.scalars(select(ScoreRow).where(ScoreRow.artifact_id == row.id).order_by(ScoreRow.position))
    scores = [(each.position, _score(each)) for each in found]
    name = ArtifactName(row.owner, row.name, row.kind == DATASET)
    columns = parity_columns(scores, name, row.kind, row.method)
    if columns:
        session.execute(insert(ParityRow), [each | {"artifact_id": row.id} for each in columns])


def _score(row: ScoreRow) -> Score:
    fields = {name: getattr(row, name) for name in Score.__slots__}
    return Score(**{**fields, "provenance": Provenance(row.provenance)})
