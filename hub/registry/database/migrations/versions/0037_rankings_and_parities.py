"""Store what else must be equal in a ranking with each score, and the parities that scores contain.

Revision ID: 0037
"""

from itertools import groupby
from operator import attrgetter

import sqlalchemy as sa
from alembic import op

from hub.names import ArtifactName
from hub.records import DATASET, Provenance, Score
from hub.registry.tables.base import TEXT, WHOLE
from hub.scores.parity import Parity, derive_parities
from hub.scores.setting import setting_of

revision = "0037"
down_revision = "0036"

_RANKING = (
    "metric", "provenance", "benchmark", "benchmark_digest", "split", "unit", "better", "setting", "value", "artifact_id", "base",
)  # fmt: skip


def upgrade() -> None:
    """Add `scores.setting` and its indexes, and `parities`, and fill both from the scores that exist."""
    op.add_column("scores", sa.Column("setting", TEXT, nullable=False, server_default=""))
    for name in ("scores_by_trial", "scores_by_trial_and_language"):
        op.execute(f"DROP INDEX IF EXISTS {name}")
    op.create_index("scores_by_ranking_and_value", "scores", [*_RANKING])
    op.create_index("scores_by_language_and_ranking", "scores", ["language", *_RANKING])
    op.create_table(
        "parities",
        sa.Column("id", WHOLE, primary_key=True, autoincrement=True),
        sa.Column("artifact_id", WHOLE, sa.ForeignKey("artifacts.id", ondelete="CASCADE"), nullable=False),
        sa.Column("position", WHOLE, nullable=False),
        sa.Column("cell", TEXT, nullable=False),
        *(sa.Column(name, sa.Double, nullable=False) for name in ("rank", "value")),
        *(sa.Column(name, sa.Double) for name in ("low", "high", "english")),
        sa.Column("provenance", TEXT, nullable=False),
    )
    op.create_index("parities_by_cell", "parities", ["cell", "rank", "artifact_id"])
    op.create_index("parities_by_artifact", "parities", ["artifact_id"])
    _fill(op.get_bind())


_SCORES = sa.text(
    "SELECT scores.*, artifacts.owner, artifacts.name, artifacts.kind, artifacts.method FROM scores "
    "JOIN artifacts ON artifacts.id = scores.artifact_id ORDER BY scores.artifact_id, scores.position"
)
_SETTING = sa.text("UPDATE scores SET setting = :setting WHERE artifact_id = :artifact_id AND position = :position")
_PARITY = ("artifact_id", "position", "cell", "rank", "value", "low", "high", "english", "provenance")


def _fill(connection: sa.Connection) -> None:
    add = sa.text(f"INSERT INTO parities ({', '.join(_PARITY)}) VALUES ({', '.join(f':{name}' for name in _PARITY)})")  # noqa: S608 - constants
    for artifact_id, rows in groupby(connection.execute(_SCORES).all(), key=attrgetter("artifact_id")):
        found = [*rows]
        first = found[0]
        scores = [
            (
                row.position,
                Score(
                    **{name: getattr(row, name) for name in Score.__slots__}
                    | {"provenance": Provenance(row.provenance)}
                ),
            )
            for row in found
        ]
        settings = [
            {"artifact_id": artifact_id, "position": row.position, "setting": setting_of(score, row.machine)}
            for row, (_, score) in zip(found, scores, strict=True)
        ]
        connection.execute(_SETTING, settings)
        name = ArtifactName(first.owner, first.name, first.kind == DATASET)
        derived = derive_parities(scores, name, first.kind, first.method, is_curated=first.owner == "linguahub")
        parities = [{field: getattr(each, field) for field in Parity.__slots__} for each in derived]
        if parities:
            connection.execute(add, [each | {"artifact_id": artifact_id} for each in parities])
