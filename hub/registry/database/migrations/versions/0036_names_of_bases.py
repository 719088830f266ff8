"""Other names of bases, and the languages that modules were trained on. The next `hub index` reads them from the cards.

Revision ID: 0036
"""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    """Add the columns `aliases` and `trained_languages` to `artifacts`, and an index that finds the bases of an owner."""
    for name in ("aliases", "trained_languages"):
        op.add_column("artifacts", sa.Column(name, sa.JSON(), nullable=False, server_default="[]"))
    op.create_index("artifacts_by_owner_and_kind", "artifacts", ["owner", "kind"])
