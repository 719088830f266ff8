"""Cloning with git and git-lfs."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import httpx
import jsonschema
import numpy as np
import pytest
from safetensors.numpy import save

from hub.git_objects import blob_id, pointer
from hub.names import Digest
from hub.records import File
from server.parts.git.attributes import attributes, in_git

pytestmark = pytest.mark.skipif(not shutil.which("git-lfs"), reason="git-lfs is not installed: apt-get install git-lfs")
WEIGHTS = save({"weight": np.random.default_rng(1).standard_normal(2_800_000, dtype=np.float32)})
"""More than 10 MB of weights."""
SMALL_WEIGHTS = save({"weight": np.zeros(64, dtype=np.float32)})
CARD = "---\nlicense: mit\nlanguage: yo\n---\n# Ẹ káàárọ̀\n".encode()
LONG_TEXT = b"[" + b"1," * 600_000 + b"1]"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home folder with git-lfs installed and password prompts disabled."""
    folder = tmp_path / "home"
    folder.mkdir()
    run(folder, "git", "lfs", "install")
    return folder


def run(home: Path, *command: str, at: Path | None = None, fails: bool = False) -> str:
    """Run a command and return its output. It must succeed, or fail with `fails`."""
    environment = {"HOME": str(home), "GIT_TERMINAL_PROMPT": "0", "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, cwd=at or home, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return (done.stdout + done.stderr).strip()


def with_token(endpoint: str, token: str) -> str:
    return endpoint.replace("://", f"://anybody:{token}@")


@pytest.fixture
def small(api, repo: str) -> str:
    """Return a repository that the test can change."""
    api.upload_file(path_or_fileobj=b"first\n", path_in_repo="notes.txt", repo_id=repo)
    api.upload_file(path_or_fileobj=SMALL_WEIGHTS, path_in_repo="model.safetensors", repo_id=repo)
    return repo


@pytest.fixture(scope="module")
def filled(api, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a repository with history, texts, weights, a long text and names with pattern characters. Tests only read it."""
    repo = api.create_repo("ada/for-git").repo_id
    folder = tmp_path_factory.mktemp("content")
    (folder / "sub").mkdir(parents=True)
    (folder / "README.md").write_bytes(CARD)
    (folder / "model.safetensors").write_bytes(WEIGHTS)
    (folder / "sub" / "a [1] long.json").write_bytes(LONG_TEXT)
    (folder / "sub" / "a 1 long.json").write_text("{}")
    (folder / "sub" / "empty.dat").write_bytes(b"")
    (folder / "sub" / ".gitattributes").write_text("*.csv text\n")
    (folder / ".gitattributes").write_text("*.safetensors filter=lfs\n*.md filter=lfs\n")
    api.upload_folder(repo_id=repo, folder_path=folder, commit_message="Add everything")
    api.create_tag(repo, tag="v1")
    api.create_branch(repo, branch="try/it")
    api.upload_file(path_or_fileobj=b"second\n", path_in_repo="notes.txt", repo_id=repo, commit_message="Add notes")
    return repo


def test_a_clone_has_the_exact_files_and_a_clean_status(endpoint, home, filled):
    run(home, "git", "clone", f"{endpoint}/{filled}", "it")
    tree = home / "it"
    assert (tree / "README.md").read_bytes() == CARD
    assert (tree / "model.safetensors").read_bytes() == WEIGHTS
    assert (tree / "sub" / "a [1] long.json").read_bytes() == LONG_TEXT
    assert (tree / "sub" / "a 1 long.json").read_text() == "{}"
    assert (tree / "sub" / "empty.dat").read_bytes() == b""
    assert run(home, "git", "status", "--porcelain", at=tree) == ""
    assert run(home, "git", "fsck", "--strict", at=tree) == ""
    assert "a [1] long.json" in run(home, "git", "lfs", "ls-files", at=tree)


def test_a_clone_has_history_authors_tags_and_branches(endpoint, api, home, filled):
    run(home, "git", "clone", f"{endpoint}/{filled}.git", "it")
    tree = home / "it"
    log = run(home, "git", "log", "--format=%an|%s", at=tree)
    assert log.splitlines() == ["ada|Add notes", "ada|Add everything", "ada|initial commit"]
    assert run(home, "git", "tag", at=tree) == "v1"
    assert "origin/try/it" in run(home, "git", "branch", "-r", at=tree)
    assert run(home, "git", "rev-parse", "v1", at=tree) == run(home, "git", "rev-parse", "HEAD~1", at=tree)
    trailer = run(home, "git", "log", "-1", "--format=%(trailers:key=Linguahub-Revision,valueonly)", at=tree)
    assert trailer[:40] == api.model_info(filled).sha
    head = run(home, "git", "rev-parse", "HEAD", at=tree)
    assert api.model_info(filled, revision=head).sha == trailer[:40]


def test_commit_ids_are_equal_in_every_clone_and_a_fetch_gets_new_commits(endpoint, api, home, small):
    for name in ("one", "two"):
        run(home, "git", "clone", f"{endpoint}/{small}", name)
    heads = {run(home, "git", "rev-parse", "HEAD", at=home / name) for name in ("one", "two")}
    assert len(heads) == 1
    api.upload_file(path_or_fileobj=b"third\n", path_in_repo="notes.txt", repo_id=small)
    run(home, "git", "pull", "--ff-only", at=home / "one")
    assert (home / "one" / "notes.txt").read_text() == "third\n"
    assert run(home, "git", "rev-parse", "HEAD~1", at=home / "one") in heads


def test_a_partial_clone_becomes_a_full_clone(endpoint, home, filled):
    run(home, "git", "clone", "--filter=blob:none", f"{endpoint}/{filled}", "it")
    assert run(home, "git", "status", "--porcelain", at=home / "it") == ""
    assert run(home, "git", "rev-list", "--objects", "--missing=print", "HEAD", at=home / "it").count("?") == 0


def test_a_shallow_clone_has_one_commit(endpoint, home, filled):
    run(home, "git", "clone", "--depth", "1", f"{endpoint}/{filled}", "it")
    assert run(home, "git", "rev-list", "--count", "HEAD", at=home / "it") == "1"
    assert (home / "it" / "notes.txt").read_text() == "second\n"


def test_pointers_have_the_same_ids_as_in_the_hub_protocol(endpoint, api, home, filled):
    run(
        home,
        "git",
        "-c",
        "filter.lfs.smudge=",
        "-c",
        "filter.lfs.required=false",
        "clone",
        f"{endpoint}/{filled}",
        "it",
    )
    [found] = api.get_paths_info(filled, ["model.safetensors"])
    assert run(home, "git", "rev-parse", "HEAD:model.safetensors", at=home / "it") == found.blob_id


def test_lfs_clone_fetch_and_locks_print_no_errors(endpoint, home, filled):
    run(home, "git", "lfs", "clone", f"{endpoint}/{filled}", "it")
    assert (home / "it" / "model.safetensors").read_bytes() == WEIGHTS
    assert "rror" not in run(home, "git", "lfs", "fetch", "--all", at=home / "it")
    (home / "it" / "model.safetensors").unlink()
    run(home, "git", "checkout", "model.safetensors", at=home / "it")
    assert (home / "it" / "model.safetensors").read_bytes() == WEIGHTS
    assert "not supported here" in run(home, "git", "lfs", "locks", at=home / "it", fails=True)


def test_a_dataset_is_cloned(endpoint, api, home, repo):
    api.create_repo(f"{repo}-data", repo_type="dataset")
    api.upload_file(path_or_fileobj=b"a\tb\n", path_in_repo="names.tsv", repo_id=f"{repo}-data", repo_type="dataset")
    run(home, "git", "clone", f"{endpoint}/datasets/{repo}-data", "it")
    assert (home / "it" / "names.tsv").read_text() == "a\tb\n"
    run(home, "git", "clone", f"{endpoint}/{repo}-data", "model", fails=True)


def test_cloning_a_private_repository_needs_a_token_as_password(endpoint, api, home, small, token_of):
    api.update_repo_settings(small, private=True)
    refused = run(home, "git", "clone", f"{endpoint}/{small}", "no", fails=True)
    assert "could not read Username" in refused
    wrong = run(home, "git", "clone", f"{with_token(endpoint, token_of('eve'))}/{small}", "no", fails=True)
    assert "not found" in wrong
    run(home, "git", "clone", f"{with_token(endpoint, token_of('ada', 'read'))}/{small}", "it")
    assert (home / "it" / "model.safetensors").read_bytes() == SMALL_WEIGHTS


def test_a_gated_repository_cannot_be_cloned_without_access(endpoint, api, home, small, token_of):
    api.update_repo_settings(small, gated="auto")
    refused = run(home, "git", "clone", f"{with_token(endpoint, token_of('bob'))}/{small}", "no", fails=True)
    assert "remote: Access to" in refused


def test_a_push_is_refused_with_an_alternative(endpoint, home, small, token_of):
    run(home, "git", "clone", f"{with_token(endpoint, token_of('ada'))}/{small}", "it")
    (home / "it" / "notes.txt").write_text("mine\n")
    run(home, "git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-am", "Mine", at=home / "it")
    refused = run(home, "git", "push", at=home / "it", fails=True)
    assert f"remote: `{small}` cannot be pushed to by git: use `hf upload {small} FOLDER`" in refused


def test_objects_uploaded_with_git_lfs_can_be_committed_over_http(endpoint, api, home, small, token_of):
    run(home, "git", "clone", f"{with_token(endpoint, token_of('ada'))}/{small}", "it")
    content = save({"weight": np.ones(99, dtype=np.float32)})
    (home / "it" / "other.safetensors").write_bytes(content)
    run(home, "git", "add", ".", at=home / "it")
    run(home, "git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-m", "Mine", at=home / "it")
    printed = run(home, "git", "lfs", "push", "origin", "main", at=home / "it")
    assert all(line.startswith("Uploading LFS objects") for line in re.split(r"[\r\n]+", printed) if line.strip())
    up = batch(
        endpoint,
        small,
        token_of("ada"),
        operation="upload",
        objects=[{"oid": sha256(content).hexdigest(), "size": len(content)}],
    )
    assert "actions" not in up["objects"][0]


def test_an_invalid_git_request_is_refused_in_one_line(client, filled):
    assert client.get(f"/{filled}/info/refs").status_code == 400
    for body in (b"", b"0000", b"0032want " + b"0" * 40 + b"\n0000", b"zzzz", b"0004" * 1000):
        response = client.post(f"/{filled}/git-upload-pack", content=body)
        assert response.status_code in {200, 400}, response.text
        assert response.text.count("\n") <= 1
    response = client.post(f"/{filled}/git-upload-pack", content=b"no", headers={"content-encoding": "gzip"})
    assert response.status_code == 400


def test_gitattributes_match_every_large_file_and_no_text():
    long = File("a/vocab.json", Digest("0" * 64), 2 << 20)
    files = (long, File("README.md", Digest("1" * 64), 10), File("a/b.bin", Digest("2" * 64), 10))
    assert [in_git(each) for each in files] == [False, True, False]
    assert attributes(files).decode().splitlines()[-1] == '"/a/vocab.json" filter=lfs diff=lfs merge=lfs'


OBJECT = {
    "type": "object",
    "required": ["oid", "size"],
    "additionalProperties": False,
    "properties": {
        "oid": {"type": "string"},
        "size": {"type": "integer", "minimum": 0},
        "authenticated": {"type": "boolean"},
        "actions": {"type": "object", "additionalProperties": {"$ref": "#/$defs/action"}},
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {"code": {"type": "integer"}, "message": {"type": "string"}},
        },
    },
    "not": {"required": ["actions", "error"]},
}
BATCH = {
    "type": "object",
    "required": ["objects"],
    "$defs": {
        "action": {
            "type": "object",
            "required": ["href"],
            "additionalProperties": False,
            "properties": {
                "href": {"type": "string", "format": "uri"},
                "header": {"type": "object", "additionalProperties": {"type": "string"}},
                "expires_in": {"type": "integer", "maximum": 2147483647, "minimum": -2147483647},
                "expires_at": {"type": "string"},
            },
        }
    },
    "properties": {
        "transfer": {"type": "string"},
        "hash_algo": {"type": "string"},
        "objects": {"type": "array", "items": OBJECT},
    },
}
"""Schema of a batch response, from the documentation of git-lfs."""


def batch(endpoint: str, repo: str, token: str, **body: object) -> dict[str, object]:
    secret = base64.b64encode(f"x:{token}".encode()).decode()
    response = httpx.post(
        f"{endpoint}/{repo}.git/info/lfs/objects/batch",
        json={"transfers": ["basic"], **body},
        headers={"Authorization": f"Basic {secret}", "Accept": "application/vnd.git-lfs+json"},
    )
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("application/vnd.git-lfs+json")
    jsonschema.validate(response.json(), BATCH)
    return response.json()


def test_batch_responses_follow_the_git_lfs_specification(endpoint, api, filled, token_of):
    [weights] = api.get_paths_info(filled, ["model.safetensors"])
    known = {"oid": weights.lfs.sha256, "size": weights.size}
    unknown, wrong = {"oid": "0" * 64, "size": 3}, {"oid": "zz", "size": 3}
    token = token_of("ada")
    down = batch(endpoint, filled, token, operation="download", objects=[known, unknown, wrong])
    assert [each.get("error", {}).get("code") for each in down["objects"]] == [None, 404, 422]
    up = batch(endpoint, filled, token, operation="upload", objects=[known, unknown, wrong])
    assert "actions" not in up["objects"][0]
    assert set(up["objects"][1]["actions"]) == {"upload", "verify"}
    assert up["objects"][2]["error"]["code"] == 422
    other = batch(endpoint, filled, token, operation="download", hash_algo="md5", objects=[known])
    assert other["objects"][0]["error"]["code"] == 409


def test_git_lfs_gets_errors_in_its_own_format(endpoint, filled):
    batch = {"operation": "upload", "objects": []}
    lfs = {"User-Agent": "git-lfs/3.3.0", "Accept": "application/vnd.git-lfs+json"}
    response = httpx.post(f"{endpoint}/{filled}.git/info/lfs/objects/batch", json=batch, headers=lfs)
    assert response.status_code == 401
    assert response.headers["LFS-Authenticate"].startswith("Basic")
    assert set(response.json()) == {"message"}


def test_the_id_of_a_pointer_matches_git(home):
    file = File("a.bin", Digest("a" * 64), 12345)
    (home / "pointer").write_bytes(pointer(file))
    assert run(home, "git", "hash-object", "pointer") == blob_id(pointer(file))
