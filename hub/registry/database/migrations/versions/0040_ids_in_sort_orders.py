"""In PostgreSQL, the indexes of sort orders contain ids, so that rows need not be read to compare these with other tables.

Revision ID: 0040
"""

from alembic import op

revision = "0040"
down_revision = "0039"

_ORDERS = {
    "ranking": "ranking, downloads DESC, key", "update": "updated_at DESC, key", "downloads": "downloads DESC, key",
    "bare_name": "bare_key, key", "creation": "created_at DESC, key", "likes": "likes DESC, key", "trend": "trending DESC, key",
}  # fmt: skip


def upgrade() -> None:
    """Create the indexes again. In SQLite, every index contains ids."""
    if op.get_bind().dialect.name == "postgresql":
        for name, columns in _ORDERS.items():
            op.execute(f"DROP INDEX artifacts_by_{name}")
            op.execute(f"CREATE INDEX artifacts_by_{name} ON artifacts ({columns}) INCLUDE (id)")
