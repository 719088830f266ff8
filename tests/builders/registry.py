"""Build artifacts and revisions as the registry records them, without files."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hub.names import ArtifactName, Digest
from hub.records import Artifact, File, Revision
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


def fill(registry, *artifacts):
    for number, artifact in enumerate(artifacts):
        registry.record(artifact, a_revision(str(artifact.name), f"{number:x}"), None)


def names(page):
    return [artifact.name.name for artifact in page.items]
