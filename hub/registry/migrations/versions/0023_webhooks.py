"""Webhooks and what is owed to them.

Revision ID: 0023
"""

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    pass
