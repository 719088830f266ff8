"""Store reports, what administrators have hidden or blocked, links to reset passwords, and texts about accounts.

Revision ID: 0038
"""

import sqlalchemy as sa
from alembic import op

from hub.registry.tables.base import TEXT, WHOLE, Time

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    """Add the column `accounts.about`, an index of the audit log by action, and four tables."""
    op.add_column("accounts", sa.Column("about", TEXT, nullable=False, server_default=""))
    op.create_index("audit_by_action", "audit", ["action", "id"])
    op.create_table(
        "reset_links",
        sa.Column("account_id", WHOLE, sa.ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("sha256", TEXT, nullable=False, unique=True),
        sa.Column("expires_at", Time, nullable=False),
    )
    op.create_table(
        "reports",
        sa.Column("id", WHOLE, primary_key=True, autoincrement=True),
        sa.Column("artifact_id", WHOLE, sa.ForeignKey("artifacts.id", ondelete="CASCADE"), nullable=False),
        sa.Column("account_id", WHOLE, sa.ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
        *(sa.Column(name, TEXT, nullable=False) for name in ("reason", "text", "state")),
        sa.Column("at", Time, nullable=False),
        *(sa.Column(name, TEXT, nullable=False) for name in ("answer", "answered_by")),
        sa.Column("answered_at", Time),
        sa.CheckConstraint("state in ('open', 'resolved', 'dismissed')", name="reports_have_a_state"),
    )
    op.create_index("reports_by_state", "reports", ["state", "id"])
    op.create_index("reports_by_artifact", "reports", ["artifact_id"])
    op.create_index("reports_by_account", "reports", ["account_id", "id"])
    op.create_table(
        "hidden_artifacts",
        sa.Column("artifact_id", WHOLE, sa.ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True),
        *(sa.Column(name, TEXT, nullable=False) for name in ("reason", "hidden_by")),
        sa.Column("at", Time, nullable=False),
        sa.Column("was_private", sa.Boolean, nullable=False),
    )
    op.create_table(
        "blocked_files",
        sa.Column("digest", TEXT, primary_key=True),
        *(sa.Column(name, TEXT, nullable=False) for name in ("name", "reason", "blocked_by")),
        sa.Column("at", Time, nullable=False),
    )
