"""Lists as Hugging Face clients ask for them: tags and parts of names in the index, orders by time, likes and trend, parameters.

Revision ID: 0027
"""

import json
from collections import defaultdict

import sqlalchemy as sa
from alembic import op

from hub.registry.labels import labels_of, marks_of, parts_of

revision = "0027"
down_revision = "0026"

ORDERS = {
    "artifacts_by_creation": "created_at DESC, key",
    "artifacts_by_likes": "likes DESC, key",
    "artifacts_by_trend": "trending DESC, key",
}
STEP = 10_000
"""Artifacts at a time: a registry of a million does not fit into memory."""
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("artifacts", sa.Column("trending", sa.Double(), nullable=False, server_default="0"))
    op.add_column("artifacts", sa.Column("weights", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("artifacts", sa.Column("parameters", WHOLE, nullable=True))
    for index, columns in ORDERS.items():
        op.execute(f"CREATE INDEX {index} ON artifacts ({columns})")
    connection = op.get_bind()
    languages: defaultdict[int, list[str]] = defaultdict(list)
    bases: defaultdict[int, list[str]] = defaultdict(list)
    of_languages = "SELECT artifact_id, tag FROM artifact_languages ORDER BY position"
    of_bases = "SELECT artifact_id, base FROM artifact_bases ORDER BY position"
    for part, question in ((languages, of_languages), (bases, of_bases)):
        for artifact_id, value in connection.execute(sa.text(question)):
            part[artifact_id].append(value)
    step = sa.text(
        "SELECT id, key, kind, method, license, gated, tags, facets FROM artifacts WHERE id > :last ORDER BY id LIMIT :step"
    )
    change = sa.text("UPDATE artifacts SET facets = :facets WHERE id = :id")
    last = 0
    while rows := connection.execute(step, {"last": last, "step": STEP}).mappings().all():
        changes = []
        for row in rows:
            tags = json.loads(row["tags"]) if isinstance(row["tags"], str) else row["tags"]
            said = labels_of(row["kind"], row["method"], row["license"], languages[row["id"]], bases[row["id"]], tags)
            words = [row["facets"], *marks_of(row["kind"], row["gated"], None, said), *parts_of(row["key"])]
            changes.append({"facets": " ".join(words), "id": row["id"]})
        connection.execute(change, changes)
        last = rows[-1]["id"]
