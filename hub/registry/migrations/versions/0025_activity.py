"""Downloads by day, scores that were measured elsewhere, doubts, and aliases that are protected.

Revision ID: 0025
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"

TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "downloads",
        *_of_an_artifact(),
        sa.Column("day", TEXT, nullable=False),
        sa.Column("downloads", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("artifact_id", "day"),
    )
    op.create_table(
        "disputes",
        *_of_an_artifact(),
        sa.Column("score", TEXT, nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("artifact_id", "score", "account"),
    )
    for name in ("author", "revision", "run", "machine"):
        op.add_column("scores", sa.Column(name, TEXT, nullable=False, server_default=""))
    op.add_column("scores", sa.Column("published_at", sa.DateTime(), nullable=True))
    op.create_index("scores_by_metric", "scores", ["metric", "provenance", "value", "artifact_id"])
    op.create_index("scores_by_language", "scores", ["language", "metric", "provenance", "value", "artifact_id"])
    op.create_index("scores_by_place", "scores", ["artifact_id", "standing"])
    op.add_column("refs", sa.Column("protected", sa.Boolean(), nullable=False, server_default=sa.false()))


def _of_an_artifact() -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("artifact_id", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(["artifact_id"], ["artifacts.id"], ondelete="CASCADE"),
    ]
