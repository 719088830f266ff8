"""Where mirrored artifacts come from, and what git calls our revisions.

Revision ID: 0026
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"

TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "git_commits",
        sa.Column("commit_id", TEXT, nullable=False),
        sa.Column("revision_id", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("commit_id"),
        sa.ForeignKeyConstraint(["revision_id"], ["revisions.id"], ondelete="CASCADE"),
    )
    op.create_table(
        "mirrors",
        sa.Column("key", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("upstream", TEXT, nullable=False),
        sa.Column("restricted", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "mirror_commits",
        sa.Column("key", TEXT, nullable=False),
        sa.Column("commit_id", TEXT, nullable=False),
        sa.Column("description", sa.JSON(), nullable=False),
        sa.Column("fetched_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", "commit_id"),
        sa.ForeignKeyConstraint(["key"], ["mirrors.key"], ondelete="CASCADE"),
    )
    op.create_table(
        "mirror_files",
        sa.Column("key", TEXT, nullable=False),
        sa.Column("commit_id", TEXT, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("size_bytes", WHOLE, nullable=False),
        sa.Column("blob_id", TEXT, nullable=False),
        sa.Column("etag", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("key", "commit_id", "path"),
        sa.ForeignKeyConstraint(
            ["key", "commit_id"], ["mirror_commits.key", "mirror_commits.commit_id"], ondelete="CASCADE"
        ),
    )
    op.create_index("mirror_files_by_content", "mirror_files", ["etag"], unique=False)
    op.create_table(
        "mirror_refs",
        sa.Column("key", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("commit_id", TEXT, nullable=False),
        sa.Column("checked_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", "name"),
        sa.ForeignKeyConstraint(["key"], ["mirrors.key"], ondelete="CASCADE"),
    )
    op.create_table(
        "mirror_blobs",
        sa.Column("etag", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("size_bytes", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("etag"),
    )
