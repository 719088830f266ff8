"""Find the scores of the translation baseline on the benchmark of a module: what translating the prompts reaches on the same base.

Only curated baselines are used. They are few, so the cost does not grow with the registry.
"""

# ruff: noqa: S608 - only conditions with bound parameters are put into SQL here.
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hub.names import ArtifactName
from hub.records import Score
from hub.registry.index.tags import CURATED_OWNER
from hub.registry.scores.rows import read_score

if TYPE_CHECKING:
    from hub.registry.database.database import Database

METHOD = "translate"


def translation_scores(
    database: Database, like: Score, metrics: Sequence[str], without: ArtifactName
) -> list[tuple[ArtifactName, Score]]:
    """Return the `metrics` of curated translators of the base of `like`, on its benchmark, digest and split; `without` one artifact."""
    wanted, values = database.in_list("metric", metrics, "metrics")
    rows = database.rows(
        # CROSS JOIN keeps this order in SQLite, which would begin with all scores on the benchmark: 90 ms among a million artifacts.
        "SELECT scores.*, artifacts.owner, artifacts.name FROM artifacts CROSS JOIN artifact_bases CROSS JOIN scores "
        "WHERE artifact_bases.artifact_id = artifacts.id AND scores.artifact_id = artifacts.id "
        "AND owner = :owner AND method = :method AND base_key = :base_key AND key <> :key AND NOT private AND benchmark = :benchmark "
        f"AND benchmark_digest = :digest AND split = :split AND scores.base = :base AND {wanted} ORDER BY artifacts.key, scores.position",
        {
            "owner": CURATED_OWNER, "method": METHOD, "base_key": like.base.rpartition("/")[2].lower(), "key": without.key,
            "benchmark": like.benchmark, "digest": like.benchmark_digest, "split": like.split, "base": like.base, **values,
        },
    )  # fmt: skip
    return [(ArtifactName(row["owner"], row["name"]), read_score(row)) for row in rows]
