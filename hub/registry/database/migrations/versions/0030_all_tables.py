"""All tables, as created by `hub.registry.database.schema.migrate`; the base of later migrations.

Revision ID: 0030
"""

revision = "0030"
down_revision = None


def upgrade() -> None:
    """Do nothing: a new database is created from the tables in the code and stamped with the newest revision."""
