"""Files uploaded with Hugging Face's client are stored unchanged, whichever protocol it uses."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi
from huggingface_hub.errors import BadRequestError, HfHubHTTPError
from safetensors.numpy import save

from hub.local import LocalHub

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
"""huggingface_hub 2.4.0 causes it in httpx2 when it sends a file object."""
TEXT = "Ẹ káàárọ̀\n".encode()


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def weights(size: int, seed: int = 0) -> bytes:
    return save({"weight": np.random.default_rng(seed).standard_normal(size, dtype=np.float32)})


def paths_of(api: HfApi, repo: str, **options: str) -> list[str]:
    """Return the files of a repository, without the one that every new repository has."""
    return sorted(set(api.list_repo_files(repo, **options)) - {".gitattributes"})


def test_a_small_text_is_sent_in_the_commit(api, repo, fetch):
    done = api.upload_file(path_or_fileobj=TEXT, path_in_repo="notes/a.txt", repo_id=repo)
    assert fetch(repo, "notes/a.txt") == TEXT
    assert done.oid == api.model_info(repo).sha
    assert done.commit_url.startswith(f"{api.endpoint}/{repo}/commit/")


@pytest.mark.parametrize("size", [1, 100_000, 1_500_000])  # The last one has several parts in a bucket.
def test_weights_are_uploaded_with_xet_from_a_path(api, repo, fetch, tmp_path, size, monkeypatch):
    monkeypatch.setattr("hub.store.bucket.PART_BYTES", 5 << 20)
    (tmp_path / "model.safetensors").write_bytes(weights(size))
    api.upload_file(path_or_fileobj=tmp_path / "model.safetensors", path_in_repo="model.safetensors", repo_id=repo)
    assert fetch(repo, "model.safetensors") == weights(size)


def test_bytes_are_uploaded_with_xet_including_duplicate_chunks(api, repo, fetch):
    content = noise(300_000) + bytes(3_000_000) + noise(300_000)
    api.upload_file(path_or_fileobj=content, path_in_repo="data.parquet", repo_id=repo)
    assert fetch(repo, "data.parquet") == content
    api.upload_file(path_or_fileobj=content[:2_000_000], path_in_repo="part.parquet", repo_id=repo)
    assert fetch(repo, "part.parquet") == content[:2_000_000]


def test_a_file_object_is_uploaded_with_lfs_in_one_request(api, repo, fetch):
    content = weights(100_000, seed=7)
    api.upload_file(path_or_fileobj=io.BytesIO(content), path_in_repo="model.safetensors", repo_id=repo)
    assert fetch(repo, "model.safetensors") == content


def test_a_large_file_object_is_uploaded_with_lfs_in_parts(api, repo, fetch, hub, monkeypatch):
    monkeypatch.setattr("server.protocol.transfer.lfs.PART_BYTES", 100_000)
    content = noise(450_001, seed=8)
    api.upload_file(path_or_fileobj=io.BytesIO(content), path_in_repo="data.parquet", repo_id=repo)
    assert fetch(repo, "data.parquet") == content


def test_a_folder_is_uploaded_with_ignore_and_delete_patterns(api, repo, tmp_path):
    for path in ("a.txt", "b/c.txt", "b/d.log"):
        (tmp_path / "up" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "up" / path).write_text(path)
    (tmp_path / "up" / "m.safetensors").write_bytes(weights(1000))
    api.upload_folder(repo_id=repo, folder_path=tmp_path / "up", ignore_patterns="*.log")
    assert paths_of(api, repo) == ["a.txt", "b/c.txt", "m.safetensors"]
    (tmp_path / "up" / "a.txt").unlink()
    api.upload_folder(repo_id=repo, folder_path=tmp_path / "up", delete_patterns="*.txt", ignore_patterns="*.log")
    assert paths_of(api, repo) == ["b/c.txt", "m.safetensors"]


def test_uploading_a_folder_twice_creates_one_commit(api, repo, tmp_path):
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "m.safetensors").write_bytes(weights(50_000, seed=3))
    first = api.upload_folder(repo_id=repo, folder_path=tmp_path)
    again = api.upload_folder(repo_id=repo, folder_path=tmp_path)
    assert again.oid == first.oid
    assert len(api.list_repo_commits(repo)) == 2


def test_a_large_folder_is_uploaded_in_several_commits(api, repo, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub._upload_pipeline.INITIAL_COMMIT_SIZE_INDEX", 0)  # Twenty files, not 250.
    names = {f"{number}.txt" for number in range(30)}
    for name in names:
        (tmp_path / name).write_text(name)
    api.upload_folder(repo_id=repo, folder_path=str(tmp_path))
    assert set(paths_of(api, repo)) == names
    assert len(api.list_repo_commits(repo)) == 3


def test_one_commit_adds_copies_and_deletes(api, repo, fetch):
    api.upload_file(path_or_fileobj=TEXT, path_in_repo="old/a.txt", repo_id=repo)
    api.upload_file(path_or_fileobj=b"b", path_in_repo="old/b.txt", repo_id=repo)
    api.create_commit(
        repo_id=repo,
        commit_message="Move files",
        operations=[
            CommitOperationCopy("old/a.txt", "new/a.txt"),
            CommitOperationDelete("old/", is_folder=True),
            CommitOperationAdd("c.txt", b"c"),
        ],
    )
    assert paths_of(api, repo) == ["c.txt", "new/a.txt"]
    assert fetch(repo, "new/a.txt") == TEXT


def test_files_and_folders_are_deleted(api, repo):
    for path in ("a.txt", "b/c.txt", "b/d.txt"):
        api.upload_file(path_or_fileobj=b"x", path_in_repo=path, repo_id=repo)
    api.delete_file("a.txt", repo)
    assert paths_of(api, repo) == ["b/c.txt", "b/d.txt"]
    api.delete_folder("b", repo)
    assert paths_of(api, repo) == []
    with pytest.raises(HfHubHTTPError, match="404"):
        api.delete_file("a.txt", repo)


def test_an_outdated_parent_is_refused_with_the_message_of_hugging_face(api, repo):
    before = api.model_info(repo).sha
    api.upload_file(path_or_fileobj=b"1", path_in_repo="a.txt", repo_id=repo, parent_commit=before)
    with pytest.raises(HfHubHTTPError, match="The branch was updated since you opened this page") as caught:
        api.upload_file(path_or_fileobj=b"2", path_in_repo="a.txt", repo_id=repo, parent_commit=before)
    assert caught.value.response.status_code == 412


def test_a_repeated_commit_is_created_once(api, repo):
    before = api.model_info(repo).sha
    add = CommitOperationAdd("a.txt", b"1")
    first = api.create_commit(repo_id=repo, operations=[add], commit_message="One", parent_commit=before)
    again = api.create_commit(
        repo_id=repo, operations=[CommitOperationAdd("a.txt", b"1")], commit_message="One", parent_commit=before
    )
    assert again.oid == first.oid


def test_concurrent_commits_are_all_kept_and_only_one_succeeds_on_the_same_parent(api, repo):
    def add(number: int) -> None:
        api.upload_file(path_or_fileobj=b"%d" % number, path_in_repo=f"{number}.txt", repo_id=repo)

    def race(number: int) -> int:
        try:
            api.upload_file(path_or_fileobj=b"%d" % number, path_in_repo="one.txt", repo_id=repo, parent_commit=before)
        except HfHubHTTPError as error:
            return error.response.status_code
        return 200

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(8)))
        assert paths_of(api, repo) == [f"{number}.txt" for number in range(8)]
        before = api.model_info(repo).sha
        assert sorted(pool.map(race, range(4))) == [200] + [412] * 3
    assert len(api.list_repo_commits(repo)) == 1 + 8 + 1


@pytest.mark.parametrize(
    ("path", "content", "reason"),
    [
        ("model.safetensors", weights(10)[:-1], "not a valid safetensors file"),
        ("model.safetensors", weights(10) + b"\0", "not a valid safetensors file"),
        ("harmless.txt", b"\x80\x04\x95\x0f", "a pickle under the name of a plain file"),
        ("harmless.png", b"PK\x03\x04 and so on", "an archive under the name of a plain file"),
        ("model.safetensors", b"\x80\x04\x95\x0f", "a pickle under the name of a plain file"),
        ("tool", b"\x7fELF\x02\x01", "a program"),
        ("setup.exe", b"MZ", "a program"),
        ("README.md", b"---\nlinguahub:\n  kind: adapter\n---\n", "problems"),
        ("README.md", b"---\n[: no yaml\n---\n", "not valid YAML"),
    ],
)
def test_files_that_cannot_be_published_are_refused_with_the_reason(api, repo, path, content, reason):
    before = api.model_info(repo).sha
    with pytest.raises((BadRequestError, ValueError), match=reason):
        api.upload_file(path_or_fileobj=content, path_in_repo=path, repo_id=repo)
    assert api.model_info(repo).sha == before


def test_an_administrator_can_allow_unsafe_files_in_a_repository(api, repo, fetch, hub: LocalHub):
    from hub.registry.accounts.permissions import Actor
    from hub.registry.artifacts.repositories import allow_unsafe_files

    allow_unsafe_files(hub.registry.database, hub.registry.get(repo).name, True, Actor("root"))
    api.upload_file(path_or_fileobj=b"\x7fELF\x02\x01", path_in_repo="tool", repo_id=repo)
    assert fetch(repo, "tool") == b"\x7fELF\x02\x01"


def test_a_dataset_is_uploaded_and_downloaded(api, tmp_path):
    repo = api.create_repo("ada/names", repo_type="dataset").repo_id
    api.upload_file(path_or_fileobj=TEXT, path_in_repo="names.txt", repo_id=repo, repo_type="dataset")
    got = api.hf_hub_download(repo, "names.txt", repo_type="dataset", cache_dir=tmp_path)
    assert Path(got).read_bytes() == TEXT
    assert api.dataset_info(repo).id == repo
    with pytest.raises(HfHubHTTPError, match="404"):
        api.model_info(repo)


def test_the_command_line_only_needs_environment_variables(endpoint, token_of, tmp_path):
    environment = os.environ | {"HF_ENDPOINT": endpoint, "HF_TOKEN": token_of("ada"), "HF_HOME": str(tmp_path / "home")}
    (tmp_path / "m.safetensors").write_bytes(weights(2000, seed=5))
    script = (
        "from huggingface_hub.cli.hf import main; import sys;"
        f"sys.argv = ['hf', 'upload', 'ada/by-command', {str(tmp_path / 'm.safetensors')!r}, 'm.safetensors']; main()"
    )
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert paths_of(HfApi(endpoint=endpoint, token=False), "ada/by-command") == ["m.safetensors"]
