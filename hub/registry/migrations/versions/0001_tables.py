"""The tables of the registry.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
"""Sorted by its bytes, in PostgreSQL as in SQLite."""
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""SQLite's INTEGER holds 64 bits anyway, and only under this name makes a row's id."""


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("token_sha256", TEXT, nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sa.UniqueConstraint("token_sha256"),
    )
    op.create_table(
        "artifacts",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("owner", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("bare_key", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("summary", TEXT, nullable=False),
        sa.Column("license", TEXT, nullable=False),
        sa.Column("method", TEXT, nullable=False),
        sa.Column("encoder", TEXT, nullable=False),
        sa.Column("conditioning", sa.JSON(), nullable=True),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("upstream", sa.JSON(), nullable=False),
        sa.Column("weights_digest", TEXT, nullable=False),
        sa.Column("size_bytes", WHOLE, nullable=False),
        sa.Column("downloads", WHOLE, nullable=False),
        sa.Column("standing", sa.Double(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_index("artifacts_by_bare_name", "artifacts", ["bare_key"], unique=False)
    op.create_index("artifacts_by_downloads", "artifacts", ["downloads"], unique=False)
    op.create_index("artifacts_by_kind", "artifacts", ["kind"], unique=False)
    op.create_index("artifacts_by_license", "artifacts", ["license"], unique=False)
    op.create_index("artifacts_by_method", "artifacts", ["method"], unique=False)
    op.create_index("artifacts_by_standing", "artifacts", ["standing", "key"], unique=False)
    op.create_index("artifacts_by_update", "artifacts", ["updated_at"], unique=False)
    op.create_table(
        "blobs",
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("size_bytes", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "indexed",
        sa.Column("source", TEXT, nullable=False),
        sa.Column("stamp", TEXT, nullable=False),
        sa.Column("artifact", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("source"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("task", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "artifact_bases",
        sa.Column("artifact_id", WHOLE, nullable=False),
        sa.Column("position", WHOLE, nullable=False),
        sa.Column("base", TEXT, nullable=False),
        sa.Column("base_key", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["artifact_id"], ["artifacts.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("artifact_id", "position"),
    )
    op.create_index("artifacts_by_base", "artifact_bases", ["base_key", "artifact_id"], unique=False)
    op.create_table(
        "artifact_languages",
        sa.Column("artifact_id", WHOLE, nullable=False),
        sa.Column("position", WHOLE, nullable=False),
        sa.Column("tag", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["artifact_id"], ["artifacts.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("artifact_id", "position"),
    )
    op.create_index("artifacts_by_language", "artifact_languages", ["tag", "artifact_id"], unique=False)
    op.create_table(
        "revisions",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("artifact_id", WHOLE, nullable=False),
        sa.Column("number", WHOLE, nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("message", TEXT, nullable=False),
        sa.Column("parent", TEXT, nullable=False),
        sa.Column("yanked", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["artifact_id"], ["artifacts.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("artifact_id", "number"),
    )
    op.create_table(
        "scores",
        sa.Column("artifact_id", WHOLE, nullable=False),
        sa.Column("position", WHOLE, nullable=False),
        sa.Column("metric", TEXT, nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("benchmark", TEXT, nullable=False),
        sa.Column("benchmark_digest", TEXT, nullable=False),
        sa.Column("split", TEXT, nullable=False),
        sa.Column("language", TEXT, nullable=False),
        sa.Column("base", TEXT, nullable=False),
        sa.Column("unit", TEXT, nullable=False),
        sa.Column("better", TEXT, nullable=False),
        sa.Column("provenance", TEXT, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("sample_size", WHOLE, nullable=True),
        sa.Column("seed", WHOLE, nullable=True),
        sa.Column("low", sa.Double(), nullable=True),
        sa.Column("high", sa.Double(), nullable=True),
        sa.Column("standing", sa.Double(), nullable=False),
        sa.CheckConstraint("provenance in ('reported', 'measured', 'disputed')", name="scores_have_a_provenance"),
        sa.CheckConstraint("source <> ''", name="scores_have_a_source"),
        sa.ForeignKeyConstraint(["artifact_id"], ["artifacts.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("artifact_id", "position"),
    )
    op.create_index("scores_by_benchmark", "scores", ["benchmark", "metric", "language", "value"], unique=False)
    op.create_index("scores_by_standing", "scores", ["artifact_id", "language", "standing"], unique=False)
    op.create_table(
        "variants",
        sa.Column("artifact_id", WHOLE, nullable=False),
        sa.Column("folder", TEXT, nullable=False),
        sa.Column("base", TEXT, nullable=False),
        sa.Column("base_digest", TEXT, nullable=False),
        sa.Column("encoder", TEXT, nullable=True),
        sa.Column("encoder_digest", TEXT, nullable=True),
        sa.Column("method", TEXT, nullable=False),
        sa.Column("architecture", TEXT, nullable=False),
        sa.Column("conditioning", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["artifact_id"], ["artifacts.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("artifact_id", "folder"),
    )
    op.create_table(
        "files",
        sa.Column("revision_id", TEXT, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("size_bytes", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(
            ["digest"],
            ["blobs.digest"],
        ),
        sa.ForeignKeyConstraint(["revision_id"], ["revisions.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("revision_id", "path"),
    )
    op.create_index("files_by_blob", "files", ["digest"], unique=False)
    op.create_table(
        "refs",
        sa.Column("artifact_id", WHOLE, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("revision_id", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["artifact_id"], ["artifacts.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["revision_id"],
            ["revisions.id"],
        ),
        sa.PrimaryKeyConstraint("artifact_id", "name"),
    )
