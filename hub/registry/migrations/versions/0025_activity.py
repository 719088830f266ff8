"""Downloads by day, and scores that were measured elsewhere.

Revision ID: 0025
"""

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    pass
