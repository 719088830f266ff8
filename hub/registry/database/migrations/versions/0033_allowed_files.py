"""Remember which malicious files an administrator allows, and find malicious files.

Revision ID: 0033
"""

import sqlalchemy as sa
from alembic import op

from hub.registry.tables.base import TEXT

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    """Add the column `allowed_by` to `scans`, and an index of verdicts."""
    op.add_column("scans", sa.Column("allowed_by", TEXT, nullable=False, server_default=""))
    op.create_index("scans_by_verdict", "scans", ["verdict"])
