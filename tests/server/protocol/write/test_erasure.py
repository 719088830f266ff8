"""Erasing files from the history, and duplicating repositories."""

from __future__ import annotations

import httpx
import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, RevisionNotFoundError

from hub.local import LocalHub
from hub.maintenance.verify import verify
from hub.names import Digest
from hub.registry.accounts.audit import read_audit
from hub.registry.accounts.permissions import Actor
from hub.registry.artifacts.repositories import allow_unsafe_files

SECRET = b"a name that should never have been published\n"


@pytest.fixture
def history(api: HfApi, repo: str) -> str:
    """Return a repository in which `secret.txt` was added, is on a branch and a tag, and was deleted from `main`."""
    api.upload_file(path_or_fileobj=b"kept", path_in_repo="kept.txt", repo_id=repo, commit_message="Keep")
    api.upload_file(path_or_fileobj=SECRET, path_in_repo="secret.txt", repo_id=repo, commit_message="Tell")
    api.create_branch(repo, branch="dev")
    api.create_tag(repo, tag="v1")
    api.delete_file("secret.txt", repo, commit_message="Regret")
    return repo


def erase(api: HfApi, repo: str) -> None:
    files = [each for each in api.list_lfs_files(repo) if each.filename == "secret.txt"]
    api.permanently_delete_lfs_files(repo, files)


def test_an_erased_file_is_in_no_revision_and_the_rest_of_the_history_is_unchanged(api, history, hub: LocalHub, fetch):
    before = [each.commit_id for each in api.list_repo_commits(history)]
    erase(api, history)
    commits = api.list_repo_commits(history)
    assert [each.title for each in commits] == ["Regret", "Tell", "Keep", "initial commit"]
    assert [each.commit_id for each in commits][2:] == before[2:], "commits without the file are unchanged"
    assert not {each.commit_id for each in commits[:2]} & set(before)
    for revision in ("main", "dev", "v1"):
        assert api.list_repo_files(history, revision=revision) == [".gitattributes", "kept.txt"]
    assert fetch(history, "kept.txt", revision="v1") == b"kept"
    with pytest.raises(RevisionNotFoundError):
        api.model_info(history, revision=before[1])
    assert [each.number for each in hub.registry.revisions(history)] == [4, 3, 2, 1]
    assert not [each for each in verify(hub.registry, hub.store) if history in str(each)]


def test_the_blob_of_an_erased_file_is_unreferenced(api, history, hub: LocalHub):
    [known] = [each for each in api.list_lfs_files(history) if each.filename == "secret.txt"]
    assert Digest(known.oid) in hub.registry.referenced_blobs()
    erase(api, history)
    assert Digest(known.oid) not in hub.registry.referenced_blobs()


def test_erasing_keeps_the_file_in_other_repositories(api, history, hub: LocalHub, fetch):
    other = api.create_repo(f"{history}-other").repo_id
    api.upload_file(path_or_fileobj=SECRET, path_in_repo="mine.txt", repo_id=other)
    erase(api, history)
    assert fetch(other, "mine.txt") == SECRET


def test_erasing_again_changes_nothing_and_is_logged_once(api, history, hub: LocalHub):
    files = [each for each in api.list_lfs_files(history) if each.filename == "secret.txt"]
    for _ in range(2):
        api.permanently_delete_lfs_files(history, files)
    assert [each.action for each in read_audit(hub.registry.database, subject=history)].count("files.erase") == 1


def test_erasing_needs_rewrite_history_and_permission_to_administer(api, bobs, history):
    files = api.list_lfs_files(history)
    with pytest.raises(HfHubHTTPError, match="only be erased from the whole history"):
        api.permanently_delete_lfs_files(history, files, rewrite_history=False)
    with pytest.raises(HfHubHTTPError, match="doesn't have permission to administer"):
        bobs.permanently_delete_lfs_files(history, api.list_lfs_files(history))


def test_a_duplicate_has_the_same_files_and_visibility(api, bobs, repo):
    api.upload_file(path_or_fileobj=b"x", path_in_repo="a.txt", repo_id=repo)
    api.update_repo_settings(repo, private=True)
    copy = api.duplicate_repo(repo, f"{repo}-copy").repo_id
    assert api.list_repo_files(copy) == [".gitattributes", "a.txt"] and api.model_info(copy).private
    with pytest.raises(HfHubHTTPError):
        bobs.duplicate_repo(repo, "bob/copy")
    api.update_repo_settings(repo, private=False, gated="manual")
    with pytest.raises(HfHubHTTPError):
        bobs.duplicate_repo(repo, "bob/copy")


def test_a_duplicate_cannot_contain_unsafe_files_that_were_allowed_in_the_original(api, repo, hub: LocalHub):
    allow_unsafe_files(hub.registry.database, hub.registry.get(repo).name, True, Actor("root"))
    api.upload_file(path_or_fileobj=b"\x7fELF\x02\x01", path_in_repo="tool", repo_id=repo)
    with pytest.raises(HfHubHTTPError, match="`tool` is a program"):
        api.duplicate_repo(repo, f"{repo}-copy")
    assert not api.repo_exists(f"{repo}-copy")


def test_readers_can_commit_files_of_one_repository_to_another(api, bobs, repo, endpoint, token_of):
    content = b"large " * 1000
    api.upload_file(path_or_fileobj=content, path_in_repo="a.parquet", repo_id=repo)
    own = bobs.create_repo(f"bob/{repo.partition('/')[2]}").repo_id
    [known] = [each for each in api.list_lfs_files(repo) if each.filename == "a.parquet"]
    body = {"target": {"type": "model", "name": own}, "files": [{"sha256": known.oid}, {"sha256": "0" * 64}]}
    headers = {"authorization": f"Bearer {token_of('bob')}"}
    response = httpx.post(f"{endpoint}/api/models/{repo}/lfs-files/duplicate", json=body, headers=headers).json()
    assert [each["sha256"] for each in response["failed"]] == ["0" * 64]
    lines = '{"key":"header","value":{"summary":"x"}}\n{"key":"lfsFile","value":{"path":"a.parquet","algo":"sha256","oid":"%s"}}'
    done = httpx.post(f"{endpoint}/api/models/{own}/commit/main", content=lines % known.oid, headers=headers)
    assert done.status_code == 200, done.text
