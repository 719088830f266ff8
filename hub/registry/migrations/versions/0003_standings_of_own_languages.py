"""Standings by the scores of an artifact's own languages, controls left out.

They are derived from what is beside them, so they are derived again, by the rule that writes them from now on.

Revision ID: 0003
"""

from collections import defaultdict

import sqlalchemy as sa
from alembic import op

from hub.records import Provenance, Score
from hub.registry.standing import UNMEASURED, standing

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    connection = op.get_bind()
    languages = defaultdict(list)
    for artifact_id, tag in connection.execute(sa.text("SELECT artifact_id, tag FROM artifact_languages")):
        languages[artifact_id].append(tag)
    best = {artifact_id: UNMEASURED for (artifact_id,) in connection.execute(sa.text("SELECT id FROM artifacts"))}
    for row in connection.execute(sa.text("SELECT * FROM scores")).mappings().all():
        artifact_id = row["artifact_id"]
        fields = {name: row[name] for name in Score.__slots__}
        place = standing(Score(**{**fields, "provenance": Provenance(row["provenance"])}), languages[artifact_id])
        best[artifact_id] = min(best[artifact_id], place)
        connection.execute(
            sa.text("UPDATE scores SET standing = :place WHERE artifact_id = :id AND position = :position"),
            {"place": place, "id": artifact_id, "position": row["position"]},
        )
    for artifact_id, place in best.items():
        connection.execute(
            sa.text("UPDATE artifacts SET standing = :place WHERE id = :id"), {"place": place, "id": artifact_id}
        )
