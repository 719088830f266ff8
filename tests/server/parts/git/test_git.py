"""What unmodified git and git-lfs see."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import httpx
import jsonschema
import numpy as np
import pytest
from safetensors.numpy import save

from hub.names import Digest
from hub.records import File
from server.parts.git.attributes import attributes, in_git
from server.protocol.read.git_objects import blob_id, pointer

pytestmark = pytest.mark.skipif(not shutil.which("git-lfs"), reason="git-lfs is not installed: apt-get install git-lfs")
WEIGHTS = save({"weight": np.random.default_rng(1).standard_normal(2_800_000, dtype=np.float32)})
"""More than 10 MB."""
SMALL_WEIGHTS = save({"weight": np.zeros(64, dtype=np.float32)})
CARD = "---\nlicense: mit\nlanguage: yo\n---\n# Ẹ káàárọ̀\n".encode()
LONG_TEXT = b"[" + b"1," * 600_000 + b"1]"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder in which git-lfs is installed and nobody is asked for a password."""
    folder = tmp_path / "home"
    folder.mkdir()
    run(folder, "git", "lfs", "install")
    return folder


def run(home: Path, *command: str, at: Path | None = None, fails: bool = False) -> str:
    """What a command printed; it must succeed, or fail."""
    environment = {"HOME": str(home), "GIT_TERMINAL_PROMPT": "0", "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, cwd=at or home, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return (done.stdout + done.stderr).strip()


def with_token(endpoint: str, token: str) -> str:
    return endpoint.replace("://", f"://anybody:{token}@")


@pytest.fixture
def small(api, repo: str) -> str:
    """A repository that a test may change."""
    api.upload_file(path_or_fileobj=b"first\n", path_in_repo="notes.txt", repo_id=repo)
    api.upload_file(path_or_fileobj=SMALL_WEIGHTS, path_in_repo="model.safetensors", repo_id=repo)
    return repo


@pytest.fixture(scope="module")
def filled(api, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A repository with a history: texts, weights, a long text, names that patterns would stumble over. Tests only read it."""
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
    api.upload_folder(repo_id=repo, folder_path=folder, commit_message="Bring everything")
    api.create_tag(repo, tag="v1")
    api.create_branch(repo, branch="try/it")
    api.upload_file(path_or_fileobj=b"second\n", path_in_repo="notes.txt", repo_id=repo, commit_message="Add notes")
    return repo


def test_a_clone_holds_texts_and_weights_byte_for_byte_and_nothing_looks_changed(endpoint, home, filled):
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


def test_history_authors_tags_and_branches_are_there(endpoint, api, home, filled):
    run(home, "git", "clone", f"{endpoint}/{filled}.git", "it")
    tree = home / "it"
    log = run(home, "git", "log", "--format=%an|%s", at=tree)
    assert log.splitlines() == ["ada|Add notes", "ada|Bring everything", "ada|initial commit"]
    assert run(home, "git", "tag", at=tree) == "v1"
    assert "origin/try/it" in run(home, "git", "branch", "-r", at=tree)
    assert run(home, "git", "rev-parse", "v1", at=tree) == run(home, "git", "rev-parse", "HEAD~1", at=tree)
    trailer = run(home, "git", "log", "-1", "--format=%(trailers:key=Linguahub-Revision,valueonly)", at=tree)
    assert trailer[:40] == api.model_info(filled).sha
    head = run(home, "git", "rev-parse", "HEAD", at=tree)
    assert api.model_info(filled, revision=head).sha == trailer[:40]


def test_ids_of_commits_are_the_same_in_every_clone_and_a_fetch_brings_what_is_new(endpoint, api, home, small):
    for name in ("one", "two"):
        run(home, "git", "clone", f"{endpoint}/{small}", name)
    heads = {run(home, "git", "rev-parse", "HEAD", at=home / name) for name in ("one", "two")}
    assert len(heads) == 1
    api.upload_file(path_or_fileobj=b"third\n", path_in_repo="notes.txt", repo_id=small)
    run(home, "git", "pull", "--ff-only", at=home / "one")
    assert (home / "one" / "notes.txt").read_text() == "third\n"
    assert run(home, "git", "rev-parse", "HEAD~1", at=home / "one") in heads


def test_a_partial_clone_becomes_a_whole_one(endpoint, home, filled):
    run(home, "git", "clone", "--filter=blob:none", f"{endpoint}/{filled}", "it")
    assert run(home, "git", "status", "--porcelain", at=home / "it") == ""
    assert run(home, "git", "rev-list", "--objects", "--missing=print", "HEAD", at=home / "it").count("?") == 0


def test_a_shallow_clone_has_one_commit(endpoint, home, filled):
    run(home, "git", "clone", "--depth", "1", f"{endpoint}/{filled}", "it")
    assert run(home, "git", "rev-list", "--count", "HEAD", at=home / "it") == "1"
    assert (home / "it" / "notes.txt").read_text() == "second\n"


def test_pointers_have_the_ids_that_the_hub_protocol_tells(endpoint, api, home, filled):
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
    [told] = api.get_paths_info(filled, ["model.safetensors"])
    assert run(home, "git", "rev-parse", "HEAD:model.safetensors", at=home / "it") == told.blob_id


def test_lfs_clone_fetch_and_locks_print_no_error(endpoint, home, filled):
    run(home, "git", "lfs", "clone", f"{endpoint}/{filled}", "it")
    assert (home / "it" / "model.safetensors").read_bytes() == WEIGHTS
    assert "rror" not in run(home, "git", "lfs", "fetch", "--all", at=home / "it")
    (home / "it" / "model.safetensors").unlink()
    run(home, "git", "checkout", "model.safetensors", at=home / "it")
    assert (home / "it" / "model.safetensors").read_bytes() == WEIGHTS
    assert "not supported here" in run(home, "git", "lfs", "locks", at=home / "it", fails=True)


def test_a_data_set_is_cloned_too(endpoint, api, home, repo):
    api.create_repo(f"{repo}-data", repo_type="dataset")
    api.upload_file(path_or_fileobj=b"a\tb\n", path_in_repo="names.tsv", repo_id=f"{repo}-data", repo_type="dataset")
    run(home, "git", "clone", f"{endpoint}/datasets/{repo}-data", "it")
    assert (home / "it" / "names.tsv").read_text() == "a\tb\n"
    run(home, "git", "clone", f"{endpoint}/{repo}-data", "model", fails=True)


def test_a_private_repository_asks_for_a_token_as_password(endpoint, api, home, small, token_of):
    api.update_repo_settings(small, private=True)
    refused = run(home, "git", "clone", f"{endpoint}/{small}", "no", fails=True)
    assert "could not read Username" in refused
    wrong = run(home, "git", "clone", f"{with_token(endpoint, token_of('eve'))}/{small}", "no", fails=True)
    assert "not found" in wrong
    run(home, "git", "clone", f"{with_token(endpoint, token_of('ada', 'read'))}/{small}", "it")
    assert (home / "it" / "model.safetensors").read_bytes() == SMALL_WEIGHTS


def test_a_gated_repository_gives_nothing_to_somebody_who_has_not_asked(endpoint, api, home, small, token_of):
    api.update_repo_settings(small, gated="auto")
    refused = run(home, "git", "clone", f"{with_token(endpoint, token_of('bob'))}/{small}", "no", fails=True)
    assert "remote: Access to" in refused


def test_a_push_is_refused_in_words(endpoint, home, small, token_of):
    run(home, "git", "clone", f"{with_token(endpoint, token_of('ada'))}/{small}", "it")
    (home / "it" / "notes.txt").write_text("mine\n")
    run(home, "git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-am", "Mine", at=home / "it")
    refused = run(home, "git", "push", at=home / "it", fails=True)
    assert f"remote: `{small}` cannot be pushed to by git: use `hf upload {small} FOLDER`" in refused


def test_git_lfs_sends_objects_which_a_commit_over_http_may_then_name(endpoint, api, home, small, token_of):
    run(home, "git", "clone", f"{with_token(endpoint, token_of('ada'))}/{small}", "it")
    content = save({"weight": np.ones(99, dtype=np.float32)})
    (home / "it" / "other.safetensors").write_bytes(content)
    run(home, "git", "add", ".", at=home / "it")
    run(home, "git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-m", "Mine", at=home / "it")
    run(home, "git", "lfs", "push", "origin", "main", at=home / "it")
    up = batch(
        endpoint,
        small,
        token_of("ada"),
        operation="upload",
        objects=[{"oid": sha256(content).hexdigest(), "size": len(content)}],
    )
    assert "actions" not in up["objects"][0]


def test_what_is_no_gits_request_is_refused_in_one_line(client, filled):
    assert client.get(f"/{filled}/info/refs").status_code == 400
    for body in (b"", b"0000", b"0032want " + b"0" * 40 + b"\n0000", b"zzzz", b"0004" * 1000):
        answer = client.post(f"/{filled}/git-upload-pack", content=body)
        assert answer.status_code in {200, 400}, answer.text
        assert answer.text.count("\n") <= 1
    answer = client.post(f"/{filled}/git-upload-pack", content=b"no", headers={"content-encoding": "gzip"})
    assert answer.status_code == 400


def test_the_attributes_name_every_large_file_and_no_text():
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
"""What git-lfs documents of a batch's answer."""


def batch(endpoint: str, repo: str, token: str, **body: object) -> dict[str, object]:
    secret = base64.b64encode(f"x:{token}".encode()).decode()
    answer = httpx.post(
        f"{endpoint}/{repo}.git/info/lfs/objects/batch",
        json={"transfers": ["basic"], **body},
        headers={"Authorization": f"Basic {secret}", "Accept": "application/vnd.git-lfs+json"},
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/vnd.git-lfs+json")
    jsonschema.validate(answer.json(), BATCH)
    return answer.json()


def test_batches_answer_as_git_lfs_documents_them(endpoint, api, filled, token_of):
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


def test_git_lfs_is_told_errors_in_its_own_form(endpoint, filled):
    asked = {"operation": "upload", "objects": []}
    lfs = {"User-Agent": "git-lfs/3.3.0", "Accept": "application/vnd.git-lfs+json"}
    answer = httpx.post(f"{endpoint}/{filled}.git/info/lfs/objects/batch", json=asked, headers=lfs)
    assert answer.status_code == 401
    assert answer.headers["LFS-Authenticate"].startswith("Basic")
    assert set(answer.json()) == {"message"}


def test_a_pointers_id_is_gits(home):
    file = File("a.bin", Digest("a" * 64), 12345)
    (home / "pointer").write_bytes(pointer(file))
    assert run(home, "git", "hash-object", "pointer") == blob_id(pointer(file))
