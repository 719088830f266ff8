"""Record which uploads were made with a token for one artifact.

Revision ID: 0032
"""

from alembic import op

from hub.registry.database.schema import all_tables

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    """Create the table. Earlier uploads of such tokens have to be repeated before they can be committed."""
    all_tables().tables["narrow_uploads"].create(op.get_bind(), checkfirst=True)
