"""All tables, as `hub.registry.database.schema.migrate` creates them: the first revision, on which later migrations stand.

Revision ID: 0029
"""

revision = "0029"
down_revision = None


def upgrade() -> None:
    """Nothing: a new database is created from the tables of the code and marked with the newest revision."""
