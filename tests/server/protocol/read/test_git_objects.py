"""Object ids are the same as in git."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from hub.git_objects import blob_id, folder_ids, pointer, tree_id
from hub.names import ArtifactName, Digest
from hub.records import Artifact, File, Revision
from server import create_app
from server.parts.mirror.mirrored_repositories import MirroredCommit, MirroredFile
from server.parts.mirror.mirrored_tree import paths_below
from tests.builders.hub import a_hub


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", folder, *arguments], check=True, capture_output=True, text=True, timeout=300
    ).stdout.strip()


def test_folders_and_files_have_the_same_ids_as_in_git(tmp_path: Path):
    files = tuple(
        File(path, Digest(f"{number:064x}"), number) for number, path in enumerate(["a/b/c", "a/b.txt", "a/b-c", "z"])
    )
    git(tmp_path, "init", "-q")
    for file in files:
        (tmp_path / file.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file.path).write_bytes(pointer(file))
    git(tmp_path, "add", ".")
    top = git(tmp_path, "write-tree")
    listed = dict(reversed(line.split()[2:]) for line in git(tmp_path, "ls-tree", "-r", "-t", top).splitlines())
    blobs = {file.path: blob_id(pointer(file)) for file in files}
    entries = blobs | folder_ids(blobs)
    assert entries == listed
    assert paths_below(blobs, "", recursive=True) == sorted(folder_ids(blobs)) + sorted(blobs)
    assert tree_id({"z": entries["z"]}, {"a": entries["a"]}) == top


def test_an_empty_blob_has_gits_well_known_id():
    assert blob_id(b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


@pytest.fixture
def listing(tmp_path: Path) -> Iterator[Callable[..., TestClient]]:
    """Return a function that creates an artifact with files at the given paths, and returns a client."""
    with a_hub(tmp_path) as hub, TestClient(create_app(hub)) as client:

        def make(paths: Iterable[str]) -> TestClient:
            name = ArtifactName("ada", "wide")
            files = tuple(File(path, Digest("a" * 64), 1) for path in sorted(paths))
            artifact = Artifact(name=name, kind="model", summary="", license="", languages=())
            revision = Revision(id="1" * 64, artifact=name, number=1, created_at=None, message="", files=files)
            hub.registry.record(artifact, revision, None)
            return client

        yield make


def test_the_id_of_a_folder_is_gits_in_a_mirror_and_counts_texts_as_pointers_elsewhere(listing):
    text = File("texts/a.txt", Digest("a" * 64), 1)
    entries = listing([text.path]).get("/api/models/ada/wide/tree/main").json()
    as_pointers = folder_ids({text.path: blob_id(pointer(text))})
    assert [each["oid"] for each in entries] == [as_pointers["texts"]]
    listed = MirroredFile(path=text.path, size_bytes=1, blob_id=blob_id(b"a"), etag=blob_id(b"a"))
    commit = MirroredCommit(commit_id="1" * 40, description={}, files=(listed,), fetched_at=datetime.now(UTC))
    assert commit.folders == folder_ids({text.path: blob_id(b"a")}) != as_pointers


def test_listing_a_tree_hashes_each_file_and_folder_at_most_twice(listing, monkeypatch):
    client = listing(f"{folder}/inner/{file}" for folder in range(100) for file in range(20))
    hashed = []
    genuine = hashlib.sha1
    monkeypatch.setattr(hashlib, "sha1", lambda *given, **more: hashed.append(1) or genuine(*given, **more))
    for query in ("", "?recursive=true", "?recursive=true&expand=true", "/7", "/7/inner"):
        hashed.clear()
        assert client.get(f"/api/models/ada/wide/tree/main{query}").status_code == 200
        assert len(hashed) <= 2 * (2000 + 200), query
    hashed.clear()
    client.post("/api/models/ada/wide/paths-info/main", json={"paths": ["7", "7/inner", "7/inner/1"]})
    assert len(hashed) <= 2 * (2000 + 200)


def test_a_path_of_five_hundred_folders_is_listed(listing):
    deep = "/".join("a" * 500)
    client = listing([f"{deep}/b", "top"])
    entries = client.get("/api/models/ada/wide/tree/main?recursive=true&expand=true").json()
    assert len(entries) == 50
    entries = client.get("/api/models/ada/wide/tree/main?recursive=true").json()
    assert len(entries) == 502
    found = client.post("/api/models/ada/wide/paths-info/main", json={"paths": [deep, f"{deep}/b"]}).json()
    assert [each["type"] for each in found] == ["directory", "file"]
    assert found[0] == next(each for each in entries if each["path"] == deep)
    assert client.get(f"/api/models/ada/wide/tree/main/{deep}").json() == [found[1]]
