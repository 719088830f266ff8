"""What scanners and signatures say of revisions.

Revision ID: 0024
"""

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    pass
