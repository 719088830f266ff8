"""Build artifacts and revisions as the registry records them, without files."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hub.names import ArtifactName, Digest
from hub.publish.reproduce import record_reproduced
from hub.records import Artifact, File, Provenance, Revision
from hub.registry.accounts.permissions import Actor
from hub.registry.artifacts.record import reproduce
from hub.registry.scores.rows import question_of
from tests.builders.artifacts import a_score

NOW = datetime(2026, 11, 23, 12, 30, 15, 123456, tzinfo=UTC)


def an_artifact(name="local/mulan-yo", **changes):
    fields = {
        "kind": "adapter", "summary": "Yoruba prompts.", "license": "Apache-2.0", "languages": ("yo",), "method": "mulan",
        "bases": ("emoji-sd",), "encoder": "emoji-xlmr", "scores": (a_score(),), **changes,
    }  # fmt: skip
    named = ArtifactName.parse(name, "local")
    return Artifact(name=replace(named, is_dataset=fields["kind"] == "dataset"), **fields)


def a_revision(name="local/mulan-yo", digit="1", parent="", days=0):
    return Revision(
        id=digit * 64, artifact=ArtifactName.parse(name, "local"), number=1, created_at=NOW + timedelta(days=days), message="m",
        files=(File("README.md", Digest("a" * 64), 3), File("emoji-sd/model.safetensors", Digest(digit * 64), 5)), parent=parent,
    )  # fmt: skip


def fill(registry, *artifacts, reproduced=True):
    """Record artifacts. Their self-reported scores are also reproduced, as if this hub had measured them."""
    for number, artifact in enumerate(artifacts):
        put(registry, artifact, f"{number:x}", reproduced=reproduced)


def put(registry, artifact, digit, parent="", *, reproduced=True):
    """Record one artifact, or its next revision, as `fill` does."""
    revision = a_revision(str(artifact.name), digit, parent)
    registry.record(artifact, revision, parent or None)
    if scores := claims_of(artifact) if reproduced else ():
        with registry.database.transaction() as session:
            reproduce(session, artifact, revision, scores, Actor("test"))


def claims_of(artifact):
    """Return what an artifact reports of itself, the first answer to each question."""
    found = {}
    for score in artifact.scores:
        if score.provenance is Provenance.SELF_REPORTED:
            found.setdefault(question_of(score), score)
    return tuple(found.values())


def reproduce_claims(hub, name):
    """Record the self-reported scores of the current revision as reproduced, as `hub rescore` does when everything agrees."""
    artifact = hub.registry.get(name)
    return record_reproduced(
        artifact.name, artifact.revision, claims_of(artifact), hub.registry, hub.store, Actor("test")
    )


def names(page):
    return [artifact.name.name for artifact in page.items]


_ORDERS = {
    "ranking": "ranking, downloads DESC, key", "update": "updated_at DESC, key", "downloads": "downloads DESC, key",
    "bare_name": "bare_key, key", "creation": "created_at DESC, key", "likes": "likes DESC, key", "trend": "trending DESC, key",
}  # fmt: skip
_OF_LANGUAGES = {"artifacts_by_language": "tag, artifact_id", "languages_by_ranking": "tag, ranking, artifact_id"}
WITHOUT_0041 = (
    *(f"DROP INDEX artifacts_by_{name}" for name in _ORDERS), *(f"DROP INDEX {name}" for name in _OF_LANGUAGES),
    *(f"ALTER TABLE {table} DROP COLUMN facet_bits" for table in ("artifacts", "artifact_languages")),
    *(f"CREATE INDEX artifacts_by_{name} ON artifacts ({columns})" for name, columns in _ORDERS.items()),
    *(f"CREATE INDEX {name} ON artifact_languages ({columns})" for name, columns in _OF_LANGUAGES.items()),
)  # fmt: skip
"""Statements that make a current registry one of schema 0040."""
