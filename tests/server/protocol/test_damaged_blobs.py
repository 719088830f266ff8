"""Damaged bytes are never served, and every way to send the right ones again restores them. Runs on each kind of store."""

from __future__ import annotations

import hashlib
import json
import zlib

import httpx
import numpy as np
import pytest
from huggingface_hub import CommitOperationAdd
from huggingface_hub.errors import BadRequestError, HfHubHTTPError
from safetensors.numpy import save

from hub.errors import DamagedBlob
from hub.local import LocalHub
from hub.names import ArtifactName, Digest
from hub.publish.publish import publish
from hub.store import BlobStore, FolderStore
from tests.builders.damage import damage

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


def weights(numbers: int, seed: int) -> bytes:
    return save({"weight": np.random.default_rng(seed).standard_normal(numbers, dtype=np.float32)})


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Return another seed for each test: all tests share a store, and clients skip what they have sent before."""
    return zlib.crc32(request.node.nodeid.encode())


@pytest.fixture(params=["small", "large"])
def content(request: pytest.FixtureRequest, seed: int) -> bytes:
    return weights(100 if request.param == "small" else 400_000, seed)


@pytest.fixture
def large(seed: int) -> bytes:
    """Return 1.6 MB, whose digest is not compared whenever they are read."""
    return weights(400_000, seed)


def digest_of(content: bytes) -> Digest:
    return Digest(hashlib.sha256(content).hexdigest())


def shorten(content: bytes) -> bytes:
    return content[:-1]


def upload(api, repo: str, content: bytes, path: str = "model.safetensors"):
    return api.upload_file(path_or_fileobj=content, path_in_repo=path, repo_id=repo)


def get(api, repo: str, path: str = "model.safetensors") -> httpx.Response:
    headers = {"authorization": f"Bearer {api.token}"}
    return httpx.get(f"{api.endpoint}/{repo}/resolve/main/{path}", headers=headers, follow_redirects=True)


def find_damage(hub: LocalHub, content: bytes) -> None:
    with pytest.raises(DamagedBlob):
        hub.store.verify(digest_of(content))


def test_damaged_bytes_are_never_served_and_one_line_names_the_blob(api, repo, hub, content):
    upload(api, repo, content)
    damage(hub.store, digest_of(content), shorten)
    for _ in range(2):
        response = get(api, repo)
        assert response.status_code == 410
        assert response.json()["error"].startswith(f"the stored bytes of blob {digest_of(content)} are damaged")
        assert "\n" not in response.json()["error"]
        assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("way", ["upload", "lfs", "local push", "another file"])
def test_sending_the_same_bytes_again_heals_a_blob(api, repo, hub, token_of, tmp_path, content, way):
    upload(api, repo, content)
    damage(hub.store, digest_of(content))
    find_damage(hub, content)
    if way == "upload":
        upload(api, repo, content)
    elif way == "another file":
        upload(api, repo, content, "copy.safetensors")
    elif way == "lfs":
        send_by_lfs(api, repo, content)
    else:
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder" / "model.safetensors").write_bytes(content)
        hub.store.put_file(tmp_path / "folder" / "model.safetensors")
    response = get(api, repo)
    assert (response.status_code, response.content) == (200, content)


def send_by_lfs(api, repo: str, content: bytes) -> None:
    headers = {"authorization": f"Bearer {api.token}"}
    listed = {"oid": digest_of(content).hex, "size": len(content)}
    body = {"operation": "upload", "transfers": ["basic"], "objects": [listed]}
    answer = httpx.post(f"{api.endpoint}/{repo}.git/info/lfs/objects/batch", json=body, headers=headers).json()
    href = answer["objects"][0]["actions"]["upload"]["href"]
    assert httpx.put(href, content=content).status_code == 200


def test_a_small_text_is_healed_by_uploading_it_again(api, repo, hub, seed):
    card = f"---\nlicense: mit\n---\nCard {seed}.\n".encode()  # Parsed cards are kept in memory.
    upload(api, repo, card, "README.md")
    damage(hub.store, digest_of(card))
    page = httpx.get(f"{api.endpoint}/{repo}", headers={"accept": "text/html"})
    assert page.status_code == 200
    assert "The stored bytes of README.md are damaged" in page.text
    assert api.model_info(repo).card_data is None
    assert httpx.get(f"{api.endpoint}/api/v1/artifacts/{repo}").status_code == 200
    upload(api, repo, card, "README.md")
    assert api.model_info(repo).card_data["license"] == "mit"
    assert get(api, repo, "README.md").content == card


def test_a_commit_that_names_damaged_bytes_is_refused_even_if_nothing_has_found_them_yet(api, repo, hub, large):
    upload(api, repo, large)
    damage(hub.store, digest_of(large))
    head = api.model_info(repo).sha
    response = commit_named(api, repo, large)
    assert response.status_code == 400
    assert f"the stored bytes of `copy.safetensors` ({digest_of(large)}) are damaged" in response.json()["error"]
    assert api.model_info(repo).sha == head
    assert commit_named(api, repo, large).status_code == 400
    send_by_lfs(api, repo, large)
    assert commit_named(api, repo, large).status_code == 200


def commit_named(api, repo: str, content: bytes) -> httpx.Response:
    """Commit a file whose bytes the account has sent before."""
    file = {"path": "copy.safetensors", "algo": "sha256", "oid": digest_of(content).hex, "size": len(content)}
    lines = [{"key": "header", "value": {"summary": "again"}}, {"key": "lfsFile", "value": file}]
    headers = {"authorization": f"Bearer {api.token}"}
    body = "\n".join(map(json.dumps, lines))
    return httpx.post(f"{api.endpoint}/api/models/{repo}/commit/main", content=body, headers=headers)


def test_a_commit_on_top_of_damaged_bytes_is_refused_until_they_are_sent_again_or_deleted(api, repo, hub, large):
    upload(api, repo, large)
    damage(hub.store, digest_of(large))
    find_damage(hub, large)
    with pytest.raises(
        BadRequestError, match=r"`model.safetensors` \([0-9a-f]{64}\) are damaged: upload the file again"
    ):
        upload(api, repo, b"notes", "notes.txt")
    with pytest.raises(HfHubHTTPError, match="are damaged"):
        api.duplicate_repo(repo, f"{repo}-copy")
    with pytest.raises(HfHubHTTPError, match="are damaged"):
        api.super_squash_history(repo)
    api.delete_file("model.safetensors", repo)
    upload(api, repo, b"notes", "notes.txt")


def xorbs(store: BlobStore) -> set[Digest]:
    """Return the xorbs in the store; all blobs if it cannot list them."""
    return set(store.xorbs() if isinstance(store, FolderStore) else store.digests())


@pytest.mark.parametrize("is_found", [True, False], ids=["found", "not found"])
def test_a_damaged_xorb_is_sent_again(api, repo, hub, large, is_found):
    before = xorbs(hub.store)
    upload(api, repo, large[:1_500_000], "first.parquet")
    damaged = [digest for digest in xorbs(hub.store) - before if hub.store.size(digest) > 1 << 20]
    assert damaged
    for digest in damaged:
        damage(hub.store, digest)
        if is_found:
            with pytest.raises(DamagedBlob):
                hub.store.verify(digest)
    longer = large[:1_500_000] + bytes(100_000)  # Its client has sent most of it before.
    if not is_found:
        with pytest.raises((RuntimeError, HfHubHTTPError, OSError)):
            upload(api, repo, longer, "second.parquet")
    added = [CommitOperationAdd("first.parquet", large[:1_500_000]), CommitOperationAdd("second.parquet", longer)]
    api.create_commit(repo, added, commit_message="both")
    assert get(api, repo, "first.parquet").content == large[:1_500_000]
    assert get(api, repo, "second.parquet").content == longer


def test_a_local_push_restores_damaged_blobs_that_it_publishes(hub, tmp_path, large):
    folder = tmp_path / "pushed"
    folder.mkdir()
    card = "---\nlicense: mit\nlanguage: yo\nlinguahub:\n  kind: dataset\n  summary: a test\n---\nprose\n"
    (folder / "README.md").write_text(card)
    (folder / "model.safetensors").write_bytes(large)
    name = ArtifactName("local", f"pushed-{tmp_path.name[:40].strip('_-')}")
    revision = publish(folder, name, hub.registry, hub.store)
    for file in revision.files:
        damage(hub.store, file.digest)
    assert publish(folder, name, hub.registry, hub.store).id == revision.id
    for file in revision.files:
        hub.store.verify(file.digest, file.size_bytes)


def test_damaged_bytes_stay_refused_after_a_restart(api, repo, hub, large):
    upload(api, repo, large)
    damage(hub.store, digest_of(large), shorten)
    assert get(api, repo).status_code == 410
    with LocalHub.open(hub.home) as again:
        assert digest_of(large) in set(again.store.quarantined())
        with pytest.raises(DamagedBlob):
            again.store.open(digest_of(large))
    upload(api, repo, large)
    assert get(api, repo).content == large


def test_a_file_can_be_uploaded_again_in_the_commit_that_needs_it(api, repo, hub, large):
    upload(api, repo, large)
    damage(hub.store, digest_of(large))
    find_damage(hub, large)
    added = [CommitOperationAdd("notes.txt", b"notes"), CommitOperationAdd("model.safetensors", large)]
    api.create_commit(repo, added, commit_message="both")
    assert get(api, repo).content == large
