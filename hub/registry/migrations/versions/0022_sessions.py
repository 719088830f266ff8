"""Browser sessions and logins of devices.

Revision ID: 0022
"""

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    pass
