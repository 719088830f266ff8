"""Accounts, and what a server needs to be written to. The accounts of before were never used.

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.drop_table("accounts")
    op.create_table(
        "accounts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("full_name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column("password", sa.String(), nullable=True),
        sa.Column("quota_bytes", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
        sa.CheckConstraint("kind in ('user', 'organisation')", name="accounts_have_a_kind"),
    )
    op.create_table(
        "memberships",
        sa.Column("organisation_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("organisation_id", "user_id"),
        sa.ForeignKeyConstraint(["organisation_id"], ["accounts.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["accounts.id"], ondelete="CASCADE"),
    )
    op.create_index("memberships_by_user", "memberships", ["user_id"], unique=False)
    op.create_table(
        "tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("artifact", sa.String(), nullable=False),
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
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
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
        sa.Column("gated", sa.String(), nullable=False, server_default=""),
        sa.Column("any_file", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("likes", sa.Integer(), nullable=False, server_default="0"),
    ):
        op.add_column("artifacts", column)
    op.create_index("artifacts_by_privacy", "artifacts", ["private", "owner"], unique=False)
    op.add_column("revisions", sa.Column("author", sa.String(), nullable=False, server_default=""))
    op.add_column("refs", sa.Column("kind", sa.String(), nullable=False, server_default="branch"))
    op.add_column("refs", sa.Column("message", sa.String(), nullable=False, server_default=""))


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
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        _time("at"),
        sa.PrimaryKeyConstraint("account_id", "digest"),
    )
    op.create_table(
        "xorbs",
        *_by_account(),
        *_texts("hash", "digest"),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("chunks", sa.LargeBinary(), nullable=False),
        _time("at"),
        _time("used_at"),
        sa.PrimaryKeyConstraint("account_id", "hash"),
    )


def _by_account() -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], ondelete="CASCADE"),
    ]


def _by_artifact() -> list[sa.schema.SchemaItem]:
    return [
        *_by_account(),
        sa.Column("artifact_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["artifact_id"], ["artifacts.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("account_id", "artifact_id"),
    ]


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(), nullable=False) for name in names]


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(), nullable=False)
