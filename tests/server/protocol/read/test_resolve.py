"""Downloading files."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable

import pytest
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.testclient import TestClient

from hub.errors import DamagedFile
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.records import File, counted_files
from hub.store import MemoryStore
from hub.store.checked import CHECKED_BYTES
from server.http.urls import commit_id
from server.protocol.read.resolve import blob_response

WEIGHTS = "/ada/first-yo/resolve/main/emoji-sd/model.safetensors"


def test_a_file_has_the_headers_that_hugging_face_clients_check(client: TestClient, hub: LocalHub):
    response = client.get(WEIGHTS)
    assert response.status_code == 200
    assert response.headers["etag"] == f'"{hashlib.sha256(response.content).hexdigest()}"'
    assert response.headers["x-repo-commit"] == commit_id(hub.registry.get("ada/first-yo").revision)
    assert len(response.headers["x-repo-commit"]) == 40
    assert response.headers["content-length"] == str(len(response.content))
    assert response.headers["accept-ranges"] == "bytes"
    assert "content-encoding" not in response.headers


def test_head_returns_the_headers_of_get_without_a_body(client: TestClient):
    head, get = client.head(WEIGHTS), client.get(WEIGHTS)
    assert head.content == b""
    for name in ("etag", "content-length", "x-repo-commit", "accept-ranges", "content-disposition"):
        assert head.headers[name] == get.headers[name]


@pytest.mark.parametrize(
    ("byte_range", "start", "stop"),
    [("bytes=0-9", 0, 10), ("bytes=8-", 8, None), ("bytes=-5", -5, None), ("bytes=3-3", 3, 4)],
)
def test_a_range_of_a_file_is_returned(client: TestClient, byte_range: str, start: int, stop: int | None):
    whole = client.get(WEIGHTS).content
    response = client.get(WEIGHTS, headers={"Range": byte_range})
    assert response.status_code == 206
    assert response.content == whole[start:stop]
    assert response.headers["content-range"].endswith(f"/{len(whole)}")


def test_a_range_beyond_the_end_is_refused_with_the_size(client: TestClient):
    response = client.get(WEIGHTS, headers={"Range": "bytes=100000-"})
    assert response.status_code == 416
    assert response.headers["content-range"].startswith("bytes */")


def test_a_range_with_an_outdated_etag_returns_the_whole_file(client: TestClient):
    etag = client.head(WEIGHTS).headers["etag"]
    assert client.get(WEIGHTS, headers={"Range": "bytes=0-3", "If-Range": etag}).status_code == 206
    assert client.get(WEIGHTS, headers={"Range": "bytes=0-3", "If-Range": '"something else"'}).status_code == 200


def test_an_unchanged_file_returns_304(client: TestClient):
    etag = client.head(WEIGHTS).headers["etag"]
    response = client.get(WEIGHTS, headers={"If-None-Match": f'"other", W/{etag}'})
    assert response.status_code == 304
    assert response.content == b""
    assert response.headers["etag"] == etag


def test_files_of_a_pinned_revision_are_immutable_and_those_of_a_branch_are_not(client: TestClient, hub: LocalHub):
    older = hub.registry.revisions(ArtifactName("ada", "first-yo"))[-1]
    pinned = client.get(WEIGHTS.replace("main", commit_id(older.id)))
    assert "immutable" in pinned.headers["cache-control"]
    assert pinned.headers["x-repo-commit"] == commit_id(older.id)
    assert client.get(WEIGHTS).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/ada/nothing/resolve/main/config.json", "RepoNotFound"),
        ("/datasets/ada/first-yo/resolve/main/README.md", "RepoNotFound"),
        ("/linguahub/tiny-emoji/resolve/main/README.md", "RepoNotFound"),
        ("/ada/first-yo/resolve/refs%2Fpr%2F1/README.md", "RevisionNotFound"),
        ("/ada/first-yo/resolve/main/absent.json", "EntryNotFound"),
    ],
)
def test_the_error_code_names_the_missing_thing(client: TestClient, path: str, code: str):
    for response in (client.get(path), client.head(path)):
        assert response.status_code == 404
        assert response.headers["x-error-code"] == code
        assert response.headers["x-error-message"]
    assert client.get(path).json().keys() == {"error"}


def test_the_response_for_a_missing_file_names_the_revision(client: TestClient, hub: LocalHub):
    response = client.get("/ada/first-yo/resolve/main/absent.json")
    assert response.headers["x-repo-commit"] == commit_id(hub.registry.get("ada/first-yo").revision)


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("/ada/first-yo/resolve/1/absent.json", "hub show ada/first-yo --revision 1"),
        ("/api/models/ada/first-yo/tree/main/absent", "hub show ada/first-yo --revision 2"),
        ("/ada/first-yo/resolve/refs%2Fpr%2F1/README.md", "hub show ada/first-yo"),
    ],
)
def test_errors_for_missing_things_end_with_the_command_that_lists_existing_ones(
    client: TestClient, path: str, command: str
):
    assert client.get(path).json()["error"].endswith(f"List them with `{command}`.")


@pytest.mark.parametrize("path", ["..%2F..%2Fetc%2Fpasswd", "a%00b", "%2Fetc%2Fpasswd", "emoji-sd%5Cconfig.json"])
def test_an_invalid_path_is_refused(client: TestClient, path: str):
    response = client.get(f"/ada/first-yo/resolve/main/{path}")
    assert response.status_code == 422
    assert "path" in response.json()["error"] or "character" in response.json()["error"]


def test_a_bare_name_is_resolved_as_on_the_command_line(client: TestClient):
    assert client.get("/first-yo/resolve/main/emoji-sd/config.json").json()["method"] == "mulan"


def test_datasets_are_downloaded_below_their_prefix(client: TestClient):
    response = client.get("/datasets/linguahub/tiny-emoji/resolve/main/names.txt")
    assert response.text == "ọkọ̀ ojú omi\n"


def test_published_files_cannot_run_in_a_browser(client: TestClient):
    readme, weights = client.get("/ada/first-yo/resolve/main/README.md"), client.get(WEIGHTS)
    assert readme.headers["content-type"] == "text/plain; charset=utf-8"
    assert readme.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert readme.headers["x-content-type-options"] == "nosniff"
    assert weights.headers["content-disposition"].startswith("attachment")


def test_a_download_is_counted_once(client: TestClient, hub: LocalHub):
    before = hub.registry.get("ada/many").downloads
    address = "/ada/many/resolve/main/emoji-sd/config.json"
    client.get(address)
    client.head(address)
    client.get(address, headers={"Range": "bytes=5-"})
    client.get("/ada/many/resolve/main/README.md")
    assert hub.registry.get("ada/many").downloads == before + 1


def test_a_yanked_revision_is_served_with_a_warning(client: TestClient):
    response = client.get("/bob/withdrawn/resolve/1/README.md")
    assert response.status_code == 200
    assert response.headers["x-hf-warning"] == "yanked; revision 1 of bob/withdrawn was yanked by its owner"
    assert "x-hf-warning" not in client.get("/bob/withdrawn/resolve/main/README.md").headers


def test_a_missing_blob_raises_an_error_and_is_never_an_empty_file(hub: LocalHub):
    [file] = [each for each in hub.registry.revision(ArtifactName("ada", "many")).files if each.path == "sample.png"]
    with pytest.raises(DamagedFile, match="are missing and not served"):
        blob_response(MemoryStore(), file, {}, None)


def test_a_download_of_a_base_is_counted_by_model_index(hub: LocalHub):
    assert counted_files(hub.registry.revision(ArtifactName("linguahub", "tiny-sd")).files) == {"model_index.json"}


@pytest.mark.parametrize(("size", "ranges"), [(1000, "bytes"), (CHECKED_BYTES, "bytes"), (CHECKED_BYTES + 1, "none")])
def test_a_blob_without_a_local_file_is_sent_from_memory_or_streamed(size: int, ranges: str):
    content = random.Random(size).randbytes(size)
    store = MemoryStore()
    file = File("sample.png", *store.put(content))
    whole, part = (TestClient(blob_response(store, file, {"ETag": f'"{file.digest}"'}, None)) for _ in range(2))
    response = whole.get("/")
    assert response.headers["content-type"] == "image/png"
    assert response.headers["accept-ranges"] == ranges
    assert response.headers["content-length"] == str(size)
    assert response.content == content
    assert part.get("/", headers={"Range": "bytes=2-4"}).content == (content[2:5] if ranges == "bytes" else content)


@pytest.mark.parametrize(("store_is_local", "threads"), [(True, 0), (False, 1)])
def test_a_thread_is_used_where_a_network_may_have_to_be_waited_for(
    client: TestClient, hub: LocalHub, monkeypatch: pytest.MonkeyPatch, store_is_local: bool, threads: int
):
    used = []

    async def run(respond: Callable[[], Response]) -> Response:
        used.append(respond)
        return await run_in_threadpool(respond)

    monkeypatch.setattr("server.protocol.read.resolve.run_in_threadpool", run)
    monkeypatch.setattr(type(hub.store), "is_local", store_is_local)
    assert client.get(WEIGHTS).status_code == 200
    assert len(used) == threads
