"""Remember which malicious files an administrator allows, and find malicious files.

Revision ID: 0031
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Add the column `allowed_by` to `scans`, and an index of verdicts."""
    op.add_column("scans", sa.Column("allowed_by", sa.String(), nullable=False, server_default=""))
    op.create_index("scans_by_verdict", "scans", ["verdict"])
