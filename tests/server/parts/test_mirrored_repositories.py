"""Mirrored repositories and git commit ids in the registry, on each database."""

from __future__ import annotations

from datetime import UTC, datetime

from hub.names import ArtifactName, Digest
from hub.registry import Registry
from server.parts.git.commits import note_commits
from server.parts.mirror.mirrored_repositories import (
    MirroredCommit,
    MirroredFile,
    MirroredRepository,
    blob_of,
    commit_of,
    origin_of,
    origin_of_name,
    ref_of,
    refs_of,
    save_blob,
    save_commit,
    save_ref,
)
from tests.builders.registry import an_artifact, fill

FILES = (
    MirroredFile(path="README.md", size_bytes=5, blob_id="a" * 40, etag="a" * 40),
    MirroredFile(path="w.safetensors", size_bytes=9 << 30, blob_id="b" * 40, etag="b" * 64),
)
REPO = MirroredRepository("models", ArtifactName("Far", "away"))


def a_commit(commit_id: str) -> MirroredCommit:
    return MirroredCommit(commit_id=commit_id, description={"tags": ["ẹ"]}, files=FILES, fetched_at=datetime.now(UTC))


def test_commits_refs_and_blobs_of_another_hub_are_stored(registry: Registry):
    database = registry.database
    assert origin_of(database, REPO) is None
    for sha in ("1" * 40, "2" * 40, "2" * 40):
        save_commit(database, REPO, a_commit(sha), "https://hub.example", restricted=False)
        save_ref(database, REPO, "main", sha)
    kept = commit_of(database, REPO, "1" * 40)
    assert (kept.files, kept.description) == (FILES, {"tags": ["ẹ"]})
    assert ref_of(database, REPO, "main")[0] == "2" * 40
    assert refs_of(database, REPO) == {"main": "2" * 40}
    origin = origin_of_name(database, ArtifactName("far", "AWAY"))
    assert (origin.upstream, origin.commit_id, origin.restricted) == ("https://hub.example", "2" * 40, False)
    assert origin_of(database, MirroredRepository("datasets", REPO.name)) is None
    save_blob(database, "b" * 64, Digest("b" * 64), 9 << 30)
    assert blob_of(database, "b" * 64) == Digest("b" * 64)
    assert Digest("b" * 64) in registry.referenced_blobs()


def test_deleting_an_artifact_deletes_its_mirror(registry: Registry):
    fill(registry, an_artifact("far/away"))
    save_commit(registry.database, REPO, a_commit("1" * 40), "https://hub.example", restricted=True)
    save_blob(registry.database, "b" * 64, Digest("b" * 64), 9 << 30)
    registry.remove(ArtifactName("far", "away"))
    assert origin_of(registry.database, REPO) is None
    assert commit_of(registry.database, REPO, "1" * 40) is None
    assert Digest("b" * 64) not in registry.referenced_blobs()


def test_a_revision_is_found_by_its_git_commit_id_only_within_its_artifact(registry: Registry):
    fill(registry, an_artifact("local/a"), an_artifact("local/b"))
    head = registry.head(ArtifactName("local", "a"))
    note_commits(registry.database, {"c" * 40: head})
    note_commits(registry.database, {"c" * 40: head})
    assert registry.revision("local/a", "c" * 40).id == head
    assert registry.head(ArtifactName("local", "b")) != head
