"""Remember when a mirrored file was last requested.

Revision ID: 0039
"""

import sqlalchemy as sa
from alembic import op

from hub.registry.tables.base import Time

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    """Add the column `mirror_blobs.used_at`. The part may have no tables yet, or may just have created them with the column."""
    found = sa.inspect(op.get_bind())
    if found.has_table("mirror_blobs") and "used_at" not in {
        each["name"] for each in found.get_columns("mirror_blobs")
    }:
        op.add_column("mirror_blobs", sa.Column("used_at", Time))
