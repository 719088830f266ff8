"""Where mirrored artifacts come from.

Revision ID: 0026
"""

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    pass
