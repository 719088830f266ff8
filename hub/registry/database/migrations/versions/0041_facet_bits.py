"""The indexes of sort orders contain bits of facets, so that most artifacts that do not match are passed without being read.

Revision ID: 0041
"""

from collections.abc import Iterable
from zlib import crc32

import sqlalchemy as sa
from alembic import op

from hub.registry.tables.base import WHOLE

revision = "0041"
down_revision = "0040"

_ORDERS = {
    "ranking": "ranking, downloads DESC, key", "update": "updated_at DESC, key", "downloads": "downloads DESC, key",
    "bare_name": "bare_key, key", "creation": "created_at DESC, key", "likes": "likes DESC, key", "trend": "trending DESC, key",
}  # fmt: skip
_OF_LANGUAGES = {"artifacts_by_language": "tag, artifact_id", "languages_by_ranking": "tag, ranking, artifact_id"}
_BATCH = 10_000
_PLACES = {"kind": (0, 8, 1), "method": (8, 12, 1), "license": (20, 8, 1), "base": (28, 15, 1), "language": (43, 20, 2)}
"""Facet → its first bit, the number of its bits, and how many of these a value sets."""


def upgrade() -> None:
    """Add the columns, fill them from the index words, and create the indexes again."""
    connection = op.get_bind()
    is_postgres = connection.dialect.name == "postgresql"
    if is_postgres:  # Else it would be updated for each row, which takes far longer than creating it again.
        op.execute("DROP INDEX artifacts_by_words")
    for name in _ORDERS:
        op.execute(f"DROP INDEX artifacts_by_{name}")
    for name in _OF_LANGUAGES:
        op.execute(f"DROP INDEX {name}")
    for table in ("artifacts", "artifact_languages"):
        op.add_column(table, sa.Column("facet_bits", WHOLE, nullable=False, server_default="0"))
    last = 0
    while batch := connection.execute(
        sa.text("SELECT id, facets FROM artifacts WHERE id > :last ORDER BY id LIMIT :batch"),
        {"last": last, "batch": _BATCH},
    ).all():
        values = [{"id": id, "bits": _bits_in(facets.split())} for id, facets in batch]
        connection.execute(sa.text("UPDATE artifacts SET facet_bits = :bits WHERE id = :id"), values)
        connection.execute(sa.text("UPDATE artifact_languages SET facet_bits = :bits WHERE artifact_id = :id"), values)
        last = batch[-1][0]
    if is_postgres:
        op.execute("CREATE INDEX artifacts_by_words ON artifacts USING gin (search) WITH (fastupdate = off)")
    with_id = " INCLUDE (id)" if is_postgres else ""
    for name, columns in _ORDERS.items():
        op.execute(f"CREATE INDEX artifacts_by_{name} ON artifacts ({columns}, facet_bits){with_id}")
    for name, columns in _OF_LANGUAGES.items():
        op.execute(f"CREATE INDEX {name} ON artifact_languages ({columns}, facet_bits)")


def _bits_in(words: Iterable[str]) -> int:
    """Return the bits of index words, as `hub.registry.index.facet_bits` does in this version."""
    bits = 0
    for word in words:
        first, size, number = _PLACES.get(word[1:].partition(":")[0], (0, 1, 0))
        digest = crc32(word.encode())
        for _ in range(number):
            digest, place = divmod(digest, size)
            bits |= 1 << first + place
    return bits
