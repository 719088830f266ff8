"""Before anything is sent, clients learn which files are accepted, which are ignored, and how each one is sent."""

from __future__ import annotations

import base64
import pickle
import time
from pathlib import Path

import httpx
import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import BadRequestError

from hub.errors import InvalidRequest
from hub.local import LocalHub
from hub.registry.accounts.file_policy import file_policy, set_file_policy, way_out
from hub.registry.accounts.permissions import Actor
from server.protocol.write import refusals
from server.protocol.write.git_patterns import MAX_MATCHES, Ignored, attribute_patterns, is_lfs

ROOT = Actor("root")
ORDINARY = {
    "archive.zip": b"PK\x05\x06" + bytes(18),
    "corpus.jsonl.gz": b"\x1f\x8b\x08\x00",
    "arrays.npz": b"PK\x03\x04",
    "pytorch_model.bin": pickle.dumps({"weights": [1.0]}, 2),
    "optimizer.pt": b"PK\x03\x04",
    "run.sh": b"#!/bin/sh\npython train.py\n",
    "shard-000.tar": b"\0" * 257 + b"ustar" + b"\0" * 250,
    "train.zst": b"\x28\xb5\x2f\xfd",
    "v1.ckpt": pickle.dumps([1], 4),
}


@pytest.fixture
def ask(endpoint, token_of):
    """Return a function that asks how to upload files and returns the response."""

    def ask(repo: str, files: dict[str, bytes], kind: str = "models", **body: str) -> httpx.Response:
        listed = [
            {"path": path, "sample": base64.b64encode(raw[:512]).decode(), "size": len(raw)}
            for path, raw in files.items()
        ]
        headers = {"authorization": f"Bearer {token_of('ada')}"}
        url = f"{endpoint}/api/{kind}/{repo}/preupload/main"
        return httpx.post(url, json={"files": listed, **body}, headers=headers)

    return ask


@pytest.fixture
def policy(hub: LocalHub):
    """Return a function that sets the policy of ada, or of the server; afterwards it is the default again."""
    yield lambda policy, owner="ada": set_file_policy(hub.registry.database, owner, policy, ROOT)
    set_file_policy(hub.registry.database, "", "scan", ROOT)
    set_file_policy(hub.registry.database, "ada", "", ROOT)


def uploaded(path: Path) -> Path:
    for name, raw in ORDINARY.items():
        path.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
        path.joinpath(name).write_bytes(raw)
    return path


@pytest.mark.parametrize("repo_type", ["model", "dataset"])
def test_ordinary_files_are_accepted_in_models_and_data_sets(
    api: HfApi, repo: str, tmp_path: Path, repo_type: str
) -> None:
    name = api.create_repo(f"{repo}-ordinary-{repo_type}", repo_type=repo_type).repo_id
    api.upload_folder(repo_id=name, folder_path=uploaded(tmp_path / "up"), repo_type=repo_type)
    assert set(api.list_repo_files(name, repo_type=repo_type)) == {".gitattributes", *ORDINARY}
    for path, raw in ORDINARY.items():
        got = api.hf_hub_download(name, path, repo_type=repo_type, cache_dir=tmp_path / "cache")
        assert Path(got).read_bytes() == raw


def test_files_that_the_policy_of_the_owner_refuses_are_refused_before_their_bytes(
    api: HfApi, repo: str, hub: LocalHub, tmp_path: Path, policy
) -> None:
    policy("safetensors-only")
    before = api.model_info(repo).sha
    with pytest.raises(BadRequestError, match="`v1.ckpt` is a pickle") as caught:
        api.upload_folder(repo_id=repo, folder_path=uploaded(tmp_path))
    assert "/preupload/" in str(caught.value.response.url)
    assert "hub admin file policy scan --owner ada" in str(caught.value) and "ignore_patterns" in str(caught.value)
    assert api.model_info(repo).sha == before
    kept = [each for each in ORDINARY if each != "run.sh"]
    api.upload_folder(repo_id=repo, folder_path=tmp_path, ignore_patterns=kept)
    assert api.list_repo_files(repo) == [".gitattributes", "run.sh"]


def test_the_policy_is_that_of_the_owner_else_of_the_server_else_scan(ask, repo: str, hub: LocalHub, policy) -> None:
    tool = {"tool": b"\x7fELF\x02\x01"}
    assert ask(repo, ORDINARY).status_code == 200
    assert ask(repo, tool).status_code == 400
    policy("any", "")
    assert ask(repo, tool).status_code == 200
    policy("safetensors-only")
    assert ask(repo, tool).status_code == 400
    assert file_policy(hub.registry.database, "ada") == "safetensors-only"
    assert file_policy(hub.registry.database, "ADA", allow_unsafe_files=True) == "any"
    assert file_policy(hub.registry.database, "bob") == "any"


def test_without_a_scanner_files_that_need_one_are_refused(ask, repo: str, hub: LocalHub, monkeypatch) -> None:
    monkeypatch.setenv("HUB_WITHOUT_PARTS", "scanning")
    assert file_policy(hub.registry.database, "ada") == "safetensors-only"
    assert "hub admin file policy any --owner ada" in way_out(hub.registry.get(repo).name, "safetensors-only")


def test_a_client_that_repeats_a_refused_upload_without_end_is_told_to_leave_the_files_out(ask, repo: str) -> None:
    files = {"tool": b"\x7fELF\x02\x01", "notes.txt": b"hello"}
    for _ in range(refusals.REPEATS):
        assert ask(repo, files).status_code == 400
    answer = ask(repo, files)
    assert answer.status_code == 200
    ignored = {each["path"]: each["shouldIgnore"] for each in answer.json()["files"]}
    assert ignored == {"tool": True, "notes.txt": False}
    assert "`tool` is a program" in answer.headers["x-hf-warning"]
    assert ask(repo, {"other": b"\x7fELF\x02\x01"}).status_code == 400, "it was not refused before"


def test_users_who_try_again_later_are_refused_again(monkeypatch) -> None:
    known = refusals.Refusals()
    now = time.monotonic()
    for minute in range(10):
        monkeypatch.setattr(refusals.time, "monotonic", lambda minute=minute: now + 60 * minute)
        assert not known.is_loop("ada", "ada/thing", ["tool"])
    monkeypatch.setattr(refusals, "_MAX_REMEMBERED", 5)
    known.is_loop("ada", "ada/thing", map(str, range(100)))
    assert len(known._known) == 5


def test_gitignore_of_the_upload_or_of_the_repository_leaves_files_out(
    api: HfApi, repo: str, ask, tmp_path: Path
) -> None:
    for path in (".gitignore", "a.log", "kept.log", "out/x.txt", "b.txt"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("*.log\n!kept.log\nout/\n" if path == ".gitignore" else path)
    api.upload_folder(repo_id=repo, folder_path=tmp_path)
    assert set(api.list_repo_files(repo)) == {".gitattributes", ".gitignore", "b.txt", "kept.log"}
    ignored = {each["path"]: each["shouldIgnore"] for each in ask(repo, {"c.log": b"c", "c.txt": b"c"}).json()["files"]}
    assert ignored == {"c.log": True, "c.txt": False}
    answer = ask(repo, {"c.log": b"c", "c.txt": b"c"}, gitIgnore="*.txt").json()["files"]
    assert [each["shouldIgnore"] for each in answer] == [False, True], "the one of the request comes first"
    assert ask(repo, {"out/tool": b"\x7fELF\x02\x01"}).status_code == 200, "an ignored file is not refused"


def test_gitattributes_decide_which_texts_are_sent_as_large_files(api: HfApi, repo: str, ask) -> None:
    assert [each["uploadMode"] for each in ask(repo, {"a.csv": b"a,b\n", "a.npy": b"text"}).json()["files"]] == [
        "regular",
        "lfs",
    ]
    own = b"*.csv filter=lfs diff=lfs merge=lfs -text\nsmall/*.csv !filter\n"
    api.upload_file(path_or_fileobj=own, path_in_repo=".gitattributes", repo_id=repo)
    files = {"a.csv": b"a,b\n", "small/a.csv": b"a,b\n", "a.npy": b"text"}
    assert [each["uploadMode"] for each in ask(repo, files).json()["files"]] == ["lfs", "regular", "regular"]
    api.upload_file(path_or_fileobj=b"a,b\n", path_in_repo="a.csv", repo_id=repo)
    first = api.model_info(repo).sha
    api.upload_file(path_or_fileobj=b"a,b\n", path_in_repo="a.csv", repo_id=repo)
    assert api.model_info(repo).sha == first, "the id of an unchanged file is the one that the client computes"


def test_new_repositories_have_gitattributes(api: HfApi, repo: str, fetch) -> None:
    assert api.list_repo_files(repo) == [".gitattributes"]
    assert b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n" in fetch(repo, ".gitattributes")
    data = api.create_repo(f"{repo}-data", repo_type="dataset").repo_id
    assert b"*.flac filter=lfs" in fetch(data, ".gitattributes", repo_type="dataset")


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("*.log", ["a.log", "b/a.log"], ["a.logs", "log"]),
        ("/a", ["a", "a/b"], ["b/a"]),
        ("a/b", ["a/b", "a/b/c"], ["c/a/b"]),
        ("out/", ["out/a", "b/out/a"], ["out"]),
        ("a/**/b", ["a/b", "a/x/y/b"], ["a/xb"]),
        ("**/b", ["b", "a/b"], ["ab"]),
        ("a/**", ["a/b", "a/b/c"], ["a", "b/a/c"]),
        ("[ab]?.t\\*", ["ax.t*"], ["a.t*", "ax.tx", "cx.t*"]),
        ("[!a]", ["b"], ["a"]),
        ("a//\n[z-a]\n#b\n\\#c", ["#c"], ["a/b", "#b", "z"]),
        ("*\n!*.txt", ["a", "b/a.txt"], ["a.txt"]),
    ],
)
def test_patterns_match_as_in_git(pattern: str, matching: list[str], others: list[str]) -> None:
    ignored = Ignored(pattern.encode())
    assert [path for path in matching if path not in ignored] == []
    assert [path for path in others if path in ignored] == []


def test_hostile_patterns_take_no_longer_than_others() -> None:
    started = time.perf_counter()
    for pattern in ("*a" * 250 + "b", "**/a/" * 100 + "b", "a/**/" * 100 + "b", "[a-z]*" * 80 + "!"):
        ignored = Ignored(pattern.encode())
        assert "/".join(["a" * 60] * 16) not in ignored
        assert "/".join(["a"] * 500) not in ignored
    assert time.perf_counter() - started < 5
    ignored = Ignored("\n".join(f"*{number}" for number in range(1000)).encode())
    with pytest.raises(InvalidRequest, match="fewer files at a time"):
        [f"folder {number}/x" in ignored for number in range(MAX_MATCHES // 1000 + 1)]
    assert "x.log" not in Ignored(b"\xff\n*.log") and "x.log" not in Ignored(b"*.log\n" * 1001)


def test_the_last_attribute_counts() -> None:
    patterns = attribute_patterns(
        b'*.bin filter=lfs -text\nkeep.bin -filter\n"quoted name" filter=lfs\n!x filter=lfs\n'
    )
    assert [is_lfs(path, patterns) for path in ("a.bin", "b/a.bin", "keep.bin", "x", "quoted name")] == [
        True, True, False, False, False,
    ]  # fmt: skip
