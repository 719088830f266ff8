"""Accounts, and what a server needs to be written to. The accounts of before were never used.

Revision ID: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.drop_table("accounts")
    op.create_table(
        "accounts",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("full_name", TEXT, nullable=False),
        sa.Column("email", TEXT, nullable=False),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column("password", TEXT, nullable=True),
        sa.Column("quota_bytes", WHOLE, nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
        sa.CheckConstraint("kind in ('user', 'organisation')", name="accounts_have_a_kind"),
    )
    op.create_table(
        "memberships",
        sa.Column("organisation_id", WHOLE, nullable=False),
        sa.Column("user_id", WHOLE, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("organisation_id", "user_id"),
        sa.ForeignKeyConstraint(["organisation_id"], ["accounts.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["accounts.id"], ondelete="CASCADE"),
    )
    op.create_index("memberships_by_user", "memberships", ["user_id"], unique=False)
    op.create_table(
        "tokens",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("account_id", WHOLE, nullable=False),
        sa.Column("sha256", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("artifact", TEXT, nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("last_used_at", sa.DateTime(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], ondelete="CASCADE"),
        sa.UniqueConstraint("sha256"),
    )
    op.create_index("tokens_by_account", "tokens", ["account_id"], unique=False)
    op.create_table(
        "audit",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("token", TEXT, nullable=False),
        sa.Column("address", TEXT, nullable=False),
        sa.Column("action", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("audit_by_subject", "audit", ["subject", "id"], unique=False)
    op.create_index("audit_by_actor", "audit", ["actor", "id"], unique=False)
    op.create_table("tombstones", *_texts("key", "name", "moved_to"), _time("at"), sa.PrimaryKeyConstraint("key"))
    op.create_table("settings", *_texts("name", "value"), sa.PrimaryKeyConstraint("name"))
    _links_of_accounts()
    for column in (
        sa.Column("private", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("gated", TEXT, nullable=False, server_default=""),
        sa.Column("any_file", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("likes", WHOLE, nullable=False, server_default="0"),
    ):
        op.add_column("artifacts", column)
    op.create_index("artifacts_by_privacy", "artifacts", ["private", "owner"], unique=False)
    op.add_column("revisions", sa.Column("author", TEXT, nullable=False, server_default=""))
    op.add_column("refs", sa.Column("kind", TEXT, nullable=False, server_default="branch"))
    op.add_column("refs", sa.Column("message", TEXT, nullable=False, server_default=""))


def _links_of_accounts() -> None:
    """Likes, requests, uploads and xorbs."""
    op.create_table("likes", *_by_artifact(), _time("at"))
    op.create_index("likes_by_artifact", "likes", ["artifact_id"], unique=False)
    op.create_table(
        "access_requests",
        *_by_artifact(),
        *_texts("status", "reason"),
        _time("at"),
        sa.CheckConstraint("status in ('pending', 'accepted', 'rejected')", name="requests_have_a_status"),
    )
    op.create_index("requests_by_artifact", "access_requests", ["artifact_id", "status"], unique=False)
    op.create_table(
        "uploads",
        *_by_account(),
        *_texts("digest"),
        sa.Column("size_bytes", WHOLE, nullable=False),
        _time("at"),
        sa.PrimaryKeyConstraint("account_id", "digest"),
    )
    op.create_table(
        "xorbs",
        *_by_account(),
        *_texts("hash", "digest"),
        sa.Column("size_bytes", WHOLE, nullable=False),
        sa.Column("chunks", sa.LargeBinary(), nullable=False),
        _time("at"),
        _time("used_at"),
        sa.PrimaryKeyConstraint("account_id", "hash"),
    )


def _by_account() -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("account_id", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], ondelete="CASCADE"),
    ]


def _by_artifact() -> list[sa.schema.SchemaItem]:
    return [
        *_by_account(),
        sa.Column("artifact_id", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(["artifact_id"], ["artifacts.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("account_id", "artifact_id"),
    ]


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, TEXT, nullable=False) for name in names]


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(), nullable=False)
