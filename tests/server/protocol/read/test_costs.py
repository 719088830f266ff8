"""The cost of a request depends on the size of its response, not of the repository.

The cost is the number of steps of SQLite's virtual machine, which counts every row that is read, and the number of SHA-1 hashes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from hub.names import ArtifactName, Digest
from hub.records import Artifact, File, Revision
from hub.registry.database.sqlite import SqliteDatabase
from server import create_app
from tests.builders.artifacts import a_score
from tests.builders.hub import a_hub

DEEP = "/".join("d" * 300)
SMALL, LARGE = 10, 3000
PATHS = ("README.md", "near/1", f"{DEEP}/file")
TREE = "/api/models/ada/{0}/tree/main"


class Steps:
    """Counts the steps of all connections."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.taken = self.hashes = 0
        connect, sha1 = SqliteDatabase._connect, hashlib.sha1

        def count() -> int:
            self.taken += 1
            return 0

        def connect_and_count(database: SqliteDatabase):
            connection = connect(database)
            connection.set_progress_handler(count, 1)
            return connection

        def hash_and_count(*given: bytes, **more: bool):
            self.hashes += 1
            return sha1(*given, **more)

        monkeypatch.setattr(SqliteDatabase, "_connect", connect_and_count)
        monkeypatch.setattr(hashlib, "sha1", hash_and_count)

    def of(self, call: Callable[[], object]) -> tuple[int, int]:
        """Return steps and hashes of the second call, in which connections and caches exist."""
        call()
        self.taken = self.hashes = 0
        call()
        return self.taken, self.hashes


def revision(name: ArtifactName, digit: str, paths: Iterable[str], digest: Digest, parent: str = "") -> Revision:
    files = tuple(File(path, digest, 5) for path in sorted(paths))
    return Revision(id=digit * 64, artifact=name, number=1, created_at=None, message="", files=files, parent=parent)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    return Steps(monkeypatch)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a hub with `ada/small` and `ada/large`, which differ in the number of files below `far`, and `ada/scored`."""
    folder = tmp_path_factory.mktemp("costs")
    with a_hub(folder) as hub:
        digest, _ = hub.store.put(b"bytes")
        for digits, name, count in (("12", "small", SMALL), ("34", "large", LARGE)):
            owned = ArtifactName("ada", name)
            artifact = Artifact(name=owned, kind="model", summary="", license="", languages=())
            paths = [*PATHS, *(f"far/{number % 100}/{number}" for number in range(count))]
            hub.registry.record(artifact, revision(owned, digits[0], paths[1:], digest), None)
            second = revision(owned, digits[1], paths, digest, digits[0] * 64)
            hub.registry.record(artifact, second, digits[0] * 64)
        languages = tuple(f"q{first}{second}" for first in "abcdefghij" for second in "abcdefghij")
        scored = ArtifactName("ada", "scored")
        scores = tuple(a_score(language=each) for each in languages)
        artifact = Artifact(name=scored, kind="adapter", summary="", license="", languages=languages, scores=scores)
        hub.registry.record(artifact, revision(scored, "5", PATHS, digest), None)
    return folder


@pytest.fixture
def client(folder: Path, steps: Steps) -> Iterator[TestClient]:
    """Yield a client of this hub, which is opened after its connections are counted."""
    with a_hub(folder) as hub, TestClient(create_app(hub)) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("HEAD", "/ada/{0}/resolve/main/README.md", None),
        ("GET", "/ada/{0}/resolve/main/README.md", None),
        ("HEAD", f"/ada/{{0}}/resolve/main/{DEEP}/file", None),
        ("GET", "/ada/{0}/tree/main", None),
        ("GET", "/ada/{0}/tree/main/near", None),
        ("GET", "/ada/{0}/blob/main/README.md", None),
        ("GET", "/ada/{0}/commits/main", None),
        ("GET", TREE, None),
        ("GET", f"{TREE}/near", None),
        ("GET", f"{TREE}/near?expand=true", None),
        ("GET", f"{TREE}/{DEEP}", None),
        ("POST", "/api/models/ada/{0}/paths-info/main", {"paths": ["README.md", "far", DEEP, "absent"]}),
        ("POST", "/api/models/ada/{0}/paths-info/main", {"paths": ["README.md", "near"], "expand": True}),
    ],
)
def test_files_and_folders_cost_the_same_in_small_and_large_repositories(client, steps, method, path, body):
    def cost(name: str) -> tuple[int, int]:
        def ask() -> None:
            assert client.request(method, path.format(name), json=body).status_code == 200

        return steps.of(ask)

    small, large = cost("small"), cost("large")
    assert large[1] == small[1] <= 10
    assert large[0] <= 1.2 * small[0]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("HEAD", "/ada/{0}/resolve/main/README.md", None),
        ("GET", "/ada/{0}/resolve/main/README.md", None),
        ("GET", f"{TREE}/near", None),
        ("POST", "/api/models/ada/{0}/paths-info/main", {"paths": ["README.md"]}),
        ("GET", "/api/models/ada/{0}/refs", None),
    ],
)
def test_files_cost_the_same_in_a_repository_with_hundreds_of_scores_and_languages(client, steps, method, path, body):
    def cost(name: str) -> int:
        def ask() -> None:
            assert client.request(method, path.format(name), json=body).status_code == 200

        return steps.of(ask)[0]

    assert cost("scored") <= 1.2 * cost("small")


def test_the_first_page_of_an_artifact_looks_at_a_limited_number_of_files(client, steps):
    found = steps.of(lambda: client.get("/ada/large", headers={"accept": "text/html"}))
    assert found[0] <= 20_000
    assert "among the first 500" in client.get("/ada/large", headers={"accept": "text/html"}).text


def test_a_page_of_a_tree_costs_the_page(client, steps):
    pages = []
    url = f"{TREE.format('large')}?recursive=true"
    while url:
        answers = []
        cost = steps.of(lambda: answers.append(client.get(url)))  # noqa: B023 - called at once
        pages.append((cost, answers[-1].json()))
        url = answers[-1].links.get("next", {}).get("url", "")
    entries = [entry for _, page in pages for entry in page]
    folders = [entry["path"] for entry in entries if entry["type"] == "directory"]
    files = [entry["path"] for entry in entries if entry["type"] == "file"]
    assert [entry["path"] for entry in entries] == folders + files
    assert (folders, files) == (sorted(set(folders)), sorted(set(files)))
    assert (len(folders), len(files)) == (1 + 300 + 1 + 100, len(PATHS) + LARGE)
    assert all(taken < 60_000 and hashes <= 2 * len(page) for (taken, hashes), page in pages)


def test_a_missing_file_costs_the_same_and_names_one_that_is_near(client, steps):
    texts = {}

    def cost(name: str, path: str) -> int:
        def ask() -> None:
            texts[name] = client.get(f"/ada/{name}/resolve/main/{path}").json()["error"]

        return steps.of(ask)[0]

    assert cost("large", "READNE.md") <= 40_000
    assert "Did you mean `README.md`" in texts["large"]
    assert cost("large", "far/7/1O7") <= 40_000
    assert "Did you mean `far/7/107`" in texts["large"]
