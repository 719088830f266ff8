"""Keep this hub's own evaluations, and call every other measured score self-reported.

Revision ID: 0033
"""

# ruff: noqa: S608 - only constants are put into SQL here.
import sqlalchemy as sa
from alembic import op

from hub.registry.tables.base import TEXT, WHOLE, Time

revision = "0033"
down_revision = "0032"

_PROVENANCES = "provenance in ('reproduced', 'self-reported', 'reported', 'disputed')"
_CHECK = "scores_have_a_provenance"
_CURATED = "artifact_id IN (SELECT id FROM artifacts WHERE lower(owner) = 'linguahub')"
_RANKED = "ranking < 1000"


def upgrade() -> None:
    keys = ("revision", "metric", "benchmark", "benchmark_digest", "split", "language", "base")
    op.create_table(
        "evaluations",
        sa.Column("artifact_id", WHOLE, sa.ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True),
        *(sa.Column(name, TEXT, primary_key=True) for name in keys),
        sa.Column("value", sa.Double, nullable=False),
        *(sa.Column(name, TEXT, nullable=False) for name in ("unit", "better", "source")),
        *(sa.Column(name, WHOLE) for name in ("sample_size", "seed")),
        *(sa.Column(name, sa.Double) for name in ("low", "high")),
        sa.Column("at", Time, nullable=False),
    )
    _without_check()
    # Rankings as in hub.registry.index.ranking: 1000 plus the place of the provenance, plus 10 in another language.
    op.execute("UPDATE scores SET ranking = ranking + 1 WHERE ranking >= 1000 AND ranking < 2000")
    op.execute(
        "UPDATE scores SET provenance = 'reported' WHERE provenance = 'measured' AND author <> '' AND ranking >= 1000"
    )
    op.execute("UPDATE scores SET provenance = 'self-reported' WHERE provenance = 'measured'")
    op.execute(f"UPDATE scores SET ranking = 1001 WHERE {_RANKED} AND (author <> '' OR NOT {_CURATED})")
    op.execute(f"UPDATE scores SET ranking = ranking + 200 WHERE {_RANKED}")
    best = f"SELECT min(ranking) FROM scores WHERE artifact_id = artifacts.id AND {_RANKED}"
    op.execute(f"UPDATE artifacts SET ranking = coalesce(({best}), 1000)")
    own = "CASE WHEN scores.language = artifact_languages.tag THEN 0 ELSE 100 END"
    best = f"SELECT min(scores.ranking + {own}) FROM scores WHERE artifact_id = artifact_languages.artifact_id AND scores.{_RANKED}"
    op.execute(f"UPDATE artifact_languages SET ranking = coalesce(({best}), 1000)")
    _with_check()


def _without_check() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(_CHECK, "scores", type_="check")
    else:
        _remake_scores()


def _with_check() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.create_check_constraint(_CHECK, "scores", _PROVENANCES)
    else:
        provenance = sa.CheckConstraint(_PROVENANCES, name=_CHECK)
        _remake_scores(provenance, sa.CheckConstraint("source <> ''", name="scores_have_a_source"))


def _remake_scores(*checks: sa.CheckConstraint) -> None:
    """Give the table these checks and no others: SQLite can change one only with the whole table."""
    table = sa.Table("scores", sa.MetaData(), autoload_with=op.get_bind())
    for check in [each for each in table.constraints if isinstance(each, sa.CheckConstraint)]:
        table.constraints.remove(check)
    with op.batch_alter_table("scores", copy_from=table, recreate="always", table_args=checks):
        pass
