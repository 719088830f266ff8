"""The outbox as a queue, webhooks, and what was delivered to them.

Revision ID: 0023
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _make_a_queue_of_the_outbox()
    op.create_table(
        "webhooks",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("account_id", WHOLE, nullable=False),
        sa.Column("url", TEXT, nullable=False),
        sa.Column("secret", TEXT, nullable=False),
        sa.Column("domains", sa.JSON(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("origin", TEXT, nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], ondelete="CASCADE"),
    )
    op.create_index("webhooks_by_account", "webhooks", ["account_id"], unique=False)
    op.create_table(
        "webhook_watches",
        sa.Column("webhook_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("webhook_id", "kind", "key"),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhooks.id"], ondelete="CASCADE"),
    )
    op.create_index("watches_by_key", "webhook_watches", ["key"], unique=False)
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("webhook_id", TEXT, nullable=False),
        sa.Column("scope", TEXT, nullable=False),
        sa.Column("action", TEXT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.Column("attempts", WHOLE, nullable=False),
        sa.Column("status", WHOLE, nullable=True),
        sa.Column("error", TEXT, nullable=False),
        sa.Column("duration_ms", WHOLE, nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("tried_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhooks.id"], ondelete="CASCADE"),
    )
    op.create_index("deliveries_by_webhook", "webhook_deliveries", ["webhook_id", "created_at"], unique=False)


def _make_a_queue_of_the_outbox() -> None:
    for column in (
        sa.Column("detail", sa.JSON(), nullable=False, server_default="{}"),
        sa.Column("attempts", WHOLE, nullable=False, server_default="0"),
        sa.Column("due_at", sa.DateTime(), nullable=False, server_default="1970-01-01 00:00:00.000000"),
        sa.Column("claimed_until", sa.DateTime(), nullable=True),
        sa.Column("error", TEXT, nullable=False, server_default=""),
        sa.Column("given_up_at", sa.DateTime(), nullable=True),
    ):
        op.add_column("outbox", column)
    op.create_index("outbox_by_subject", "outbox", ["task", "subject", "id"], unique=False)
    op.create_index("outbox_by_time", "outbox", ["task", "due_at"], unique=False)
