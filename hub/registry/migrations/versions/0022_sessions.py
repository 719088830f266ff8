"""Browser sessions, guesses at passwords, logins of devices; tokens that end, and accounts that were removed.

Revision ID: 0022
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"

TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("accounts", _time("removed_at", nullable=True))
    op.add_column("tokens", _time("expires_at", nullable=True))
    op.create_table(
        "renewals",
        sa.Column("token_id", WHOLE, nullable=False),
        _text("sha256"),
        _text("former_sha256", nullable=True),
        _text("former_token_sha256", nullable=True),
        _time("former_token_expires_at", nullable=True),
        _time("renewed_at"),
        sa.PrimaryKeyConstraint("token_id"),
        sa.ForeignKeyConstraint(["token_id"], ["tokens.id"], ondelete="CASCADE"),
        sa.UniqueConstraint("sha256"),
        sa.UniqueConstraint("former_sha256"),
        sa.UniqueConstraint("former_token_sha256"),
    )
    op.create_table(
        "sessions",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("account_id", WHOLE, nullable=False),
        sa.Column("token_id", WHOLE, nullable=True),
        _text("sha256"),
        _text("agent"),
        _text("address"),
        _time("created_at"),
        _time("used_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["token_id"], ["tokens.id"], ondelete="CASCADE"),
        sa.UniqueConstraint("sha256"),
    )
    op.create_index("sessions_by_account", "sessions", ["account_id"], unique=False)
    op.create_table(
        "guesses",
        _text("door"),
        sa.Column("count", WHOLE, nullable=False),
        _time("since"),
        sa.PrimaryKeyConstraint("door"),
    )
    op.create_table(
        "devices",
        _text("sha256"),
        _text("user_code"),
        _text("client"),
        _text("address"),
        _time("created_at"),
        _time("polled_at", nullable=True),
        sa.Column("interval_s", WHOLE, nullable=False),
        _text("status"),
        _text("role"),
        sa.Column("account_id", WHOLE, nullable=True),
        sa.PrimaryKeyConstraint("sha256"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], ondelete="CASCADE"),
        sa.UniqueConstraint("user_code"),
        sa.CheckConstraint("status in ('pending', 'accepted', 'denied')", name="devices_have_a_status"),
    )


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, TEXT, nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(), nullable=nullable)
