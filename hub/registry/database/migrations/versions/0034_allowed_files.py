"""Remember which malicious files an administrator allows, and find malicious files.

Revision ID: 0034
"""

import sqlalchemy as sa
from alembic import op

from hub.registry.tables.base import TEXT

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    """Add the column `allowed_by` to `scans`, and an index of verdicts."""
    op.add_column("scans", sa.Column("allowed_by", TEXT, nullable=False, server_default=""))
    op.create_index("scans_by_verdict", "scans", ["verdict"])
