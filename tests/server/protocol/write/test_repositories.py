"""Repositories, permissions and branches with Hugging Face's client."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from huggingface_hub import HfApi, HfFileSystem
from huggingface_hub.errors import (
    BadRequestError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from hub.local import LocalHub
from hub.registry.accounts.audit import read_audit


def status(caught) -> int:
    return caught.value.response.status_code


def test_whoami_returns_the_account_of_the_token(api, hub):
    me = api.whoami()
    assert (me["name"], me["type"], me["auth"]["accessToken"]["role"]) == ("ada", "user", "write")
    assert [(each["name"], each["roleInOrg"]) for each in me["orgs"]] == [("lab", "admin")]


def test_an_invalid_token_is_not_reported_as_a_missing_repository(endpoint, repo):
    wrong = HfApi(endpoint=endpoint, token="lh_wrong")
    for ask in (wrong.whoami, lambda: wrong.model_info(repo)):
        with pytest.raises(HfHubHTTPError) as caught:
            ask()
        assert status(caught) == 401
        assert not isinstance(caught.value, RepositoryNotFoundError)


def test_a_repository_is_created_once(api, repo):
    with pytest.raises(HfHubHTTPError) as caught:
        api.create_repo(repo)
    assert status(caught) == 409
    assert api.create_repo(repo, exist_ok=True).repo_id == repo
    assert api.repo_exists(repo)


def test_a_name_without_owner_belongs_to_the_user(api):
    assert api.create_repo("alone").repo_id == "ada/alone"
    assert api.create_repo("lab/together").repo_id == "lab/together"


def test_only_tokens_with_write_access_can_write(api, bobs, nobodys, repo, endpoint, token_of):
    reader = HfApi(endpoint=endpoint, token=token_of("ada", "read"))
    for who, expected in ((bobs, 403), (reader, 403), (nobodys, 401)):
        with pytest.raises(HfHubHTTPError) as caught:
            who.upload_file(path_or_fileobj=b"x", path_in_repo="a.txt", repo_id=repo)
        assert status(caught) == expected
        with pytest.raises(HfHubHTTPError) as caught:
            who.delete_repo(repo)
        assert status(caught) == expected
    with pytest.raises(HfHubHTTPError, match="doesn't have permission to create"):
        bobs.create_repo("ada/from-bob")


def test_a_token_limited_to_a_repository_cannot_write_elsewhere(api, repo, endpoint, token_of):
    narrow = HfApi(endpoint=endpoint, token=token_of("ada", artifact=repo))
    narrow.upload_file(path_or_fileobj=b"x", path_in_repo="a.txt", repo_id=repo)
    other = api.create_repo("ada/another").repo_id
    for refused in (
        lambda: narrow.upload_file(path_or_fileobj=b"x", path_in_repo="a.txt", repo_id=other),
        lambda: narrow.create_repo("ada/third"),
        lambda: narrow.delete_repo(repo),
    ):
        with pytest.raises(HfHubHTTPError) as caught:
            refused()
        assert status(caught) == 403


def test_a_private_repository_is_invisible_to_others(api, bobs, nobodys, tmp_path, client):
    repo = api.create_repo("ada/hidden-thing", private=True).repo_id
    api.upload_file(path_or_fileobj=b"secret", path_in_repo="a.txt", repo_id=repo)
    assert api.model_info(repo).private
    assert repo in {each.id for each in api.list_models(author="ada")}
    for who in (bobs, nobodys):
        assert not who.repo_exists(repo)
        with pytest.raises(RepositoryNotFoundError):
            who.hf_hub_download(repo, "a.txt", cache_dir=tmp_path)
        assert repo not in {each.id for each in who.list_models(author="ada")}
    assert "hidden-thing" not in client.get("/api/v1/search?owner=ada&limit=100").text
    assert "hidden-thing" not in client.get("/api/models/ada/hidden-thin").text
    assert client.get("/ada/hidden-thing").status_code == 404
    assert "hidden-thing" not in client.get("/?text=hidden").text
    api.update_repo_settings(repo, private=False)
    assert bobs.repo_exists(repo)


def test_files_of_others_cannot_be_accessed_by_digest(api, bobs, hub: LocalHub, endpoint, token_of):
    import hashlib

    import httpx

    hidden, own = api.create_repo("ada/vault", private=True).repo_id, bobs.create_repo("bob/thief").repo_id
    content = b"only for ada " * 1000
    api.upload_file(path_or_fileobj=content, path_in_repo="a.parquet", repo_id=hidden)
    digest = hashlib.sha256(content).hexdigest()
    headers = {"authorization": f"Bearer {token_of('bob')}"}
    batch = {"operation": "upload", "transfers": ["basic"], "objects": [{"oid": digest, "size": len(content)}]}
    response = httpx.post(f"{endpoint}/{own}.git/info/lfs/objects/batch", json=batch, headers=headers).json()
    assert "upload" in response["objects"][0]["actions"]
    lines = '{"key":"header","value":{"summary":"x"}}\n{"key":"lfsFile","value":{"path":"a.parquet","algo":"sha256","oid":"%s"}}'
    response = httpx.post(f"{endpoint}/api/models/{own}/commit/main", content=lines % digest, headers=headers)
    assert response.status_code == 400 and "were not uploaded" in response.json()["error"]


def test_the_name_of_a_deleted_repository_is_free_to_its_owner_only(api, repo, bobs, fetch):
    api.upload_file(path_or_fileobj=b"x", path_in_repo="a.txt", repo_id=repo)
    api.delete_repo(repo.removeprefix("ada/"))  # A name without an owner is the caller's.
    assert not api.repo_exists(repo)
    api.delete_repo(repo, missing_ok=True)
    with pytest.raises(HfHubHTTPError) as caught:
        bobs.create_repo(repo)
    assert status(caught) == 403
    assert api.create_repo(repo).repo_id == repo
    assert api.list_repo_files(repo) == [".gitattributes"]


def test_a_renamed_repository_is_found_by_both_names(api, repo, fetch):
    api.upload_file(path_or_fileobj=b"x", path_in_repo="a.txt", repo_id=repo)
    api.move_repo(repo, "lab/moved")
    assert api.model_info("lab/moved").id == "lab/moved"
    assert api.model_info(repo).id == "lab/moved"
    assert fetch(repo, "a.txt") == b"x"
    api.upload_file(path_or_fileobj=b"y", path_in_repo="b.txt", repo_id="lab/moved")
    api.create_repo(repo)  # Its owner may use the name again, which ends the redirect.
    assert api.model_info(repo).id == repo
    assert api.model_info("lab/moved").id == "lab/moved"


def test_branches_are_independent(api, repo, fetch):
    api.upload_file(path_or_fileobj=b"main", path_in_repo="a.txt", repo_id=repo)
    api.create_branch(repo, branch="feat/x")
    api.upload_file(path_or_fileobj=b"branch", path_in_repo="a.txt", repo_id=repo, revision="feat/x")
    assert fetch(repo, "a.txt") == b"main"
    assert fetch(repo, "a.txt", revision="feat/x") == b"branch"
    refs = api.list_repo_refs(repo)
    assert [each.name for each in refs.branches] == ["main", "feat/x"]
    assert refs.branches[1].target_commit == api.model_info(repo, revision="feat/x").sha
    with pytest.raises(HfHubHTTPError) as caught:
        api.create_branch(repo, branch="feat/x")
    assert status(caught) == 409
    api.create_branch(repo, branch="feat/x", exist_ok=True)
    api.delete_branch(repo, branch="feat/x")
    with pytest.raises(RevisionNotFoundError):
        api.model_info(repo, revision="feat/x")
    with pytest.raises(BadRequestError):
        api.delete_branch(repo, branch="main")


@pytest.mark.parametrize("name", ["refs/pr/5", "7", "0123456789abcdef", "a..b", "-x", "a.lock", "a b"])
def test_an_ambiguous_branch_name_is_refused(api, repo, name):
    with pytest.raises(HfHubHTTPError) as caught:
        api.create_branch(repo, branch=name)
    assert status(caught) == 400


def test_a_tag_does_not_move(api, repo, fetch):
    api.upload_file(path_or_fileobj=b"1", path_in_repo="a.txt", repo_id=repo)
    api.create_tag(repo, tag="v1.0", tag_message="First")
    api.upload_file(path_or_fileobj=b"2", path_in_repo="a.txt", repo_id=repo)
    assert fetch(repo, "a.txt", revision="v1.0") == b"1"
    assert [each.name for each in api.list_repo_refs(repo).tags] == ["v1.0"]
    with pytest.raises(RevisionNotFoundError):
        api.create_tag(repo, tag="v2", revision="nowhere")
    with pytest.raises(HfHubHTTPError):
        api.upload_file(path_or_fileobj=b"3", path_in_repo="a.txt", repo_id=repo, revision="v1.0")
    api.delete_tag(repo, tag="v1.0")
    assert api.list_repo_refs(repo).tags == []


def test_commits_are_listed_with_their_authors_and_squashed(api, repo, fetch):
    for number in range(3):
        api.upload_file(
            path_or_fileobj=b"%d" % number, path_in_repo="a.txt", repo_id=repo, commit_message=f"Say {number}"
        )
    commits = api.list_repo_commits(repo)
    assert [each.title for each in commits] == ["Say 2", "Say 1", "Say 0", "initial commit"]
    assert commits[0].authors == ["ada"]
    api.super_squash_history(repo, commit_message="All of it")
    assert [each.title for each in api.list_repo_commits(repo)] == ["All of it"]
    assert fetch(repo, "a.txt") == b"2"
    assert fetch(repo, "a.txt", revision=commits[1].commit_id) == b"1"


def test_paths_info_omits_missing_paths(api, repo):
    api.upload_file(path_or_fileobj=b"12345", path_in_repo="b/c.txt", repo_id=repo)
    found = api.get_paths_info(repo, ["b", "b/c.txt", "absent"])
    assert [each.path for each in found] == ["b", "b/c.txt"]
    assert found[1].size == 5


def test_likes_are_counted_once_and_can_be_removed(api, bobs, repo, endpoint, token_of):
    import httpx

    headers = {"authorization": f"Bearer {token_of('bob')}"}
    for _ in range(2):
        assert httpx.post(f"{endpoint}/api/models/{repo}/like", headers=headers).status_code == 200
    assert api.model_info(repo).likes == 1
    assert [each.username for each in api.list_repo_likers(repo)] == ["bob"]
    assert repo in api.list_liked_repos("bob").models
    bobs.unlike(repo)
    assert api.model_info(repo).likes == 0


def test_a_manual_gate_opens_for_accepted_users(api, bobs, repo, endpoint, token_of, tmp_path):
    import httpx

    api.upload_file(path_or_fileobj=b"x", path_in_repo="a.txt", repo_id=repo)
    api.update_repo_settings(repo, gated="manual")
    assert bobs.model_info(repo).gated == "manual"
    with pytest.raises(GatedRepoError):
        bobs.hf_hub_download(repo, "a.txt", cache_dir=tmp_path)
    with pytest.raises(GatedRepoError):
        bobs.auth_check(repo)
    headers = {"authorization": f"Bearer {token_of('bob')}"}
    assert httpx.post(f"{endpoint}/{repo}/ask-access", headers=headers).json() == {"status": "pending"}
    assert [each.username for each in api.list_pending_access_requests(repo)] == ["bob"]
    api.accept_access_request(repo, "bob")
    bobs.auth_check(repo)
    bobs.hf_hub_download(repo, "a.txt", cache_dir=tmp_path)
    api.reject_access_request(repo, "bob", rejection_reason=None)
    with pytest.raises(GatedRepoError):
        bobs.auth_check(repo)
    api.grant_access(repo, "eve")
    assert [each.username for each in api.list_accepted_access_requests(repo)] == ["eve"]
    with pytest.raises(HfHubHTTPError):
        list(bobs.list_pending_access_requests(repo))


def test_an_automatic_gate_accepts_every_request(api, bobs, repo, endpoint, token_of):
    import httpx

    api.update_repo_settings(repo, gated="auto")
    headers = {"authorization": f"Bearer {token_of('bob')}"}
    assert httpx.post(f"{endpoint}/{repo}/ask-access", headers=headers).json() == {"status": "accepted"}
    bobs.auth_check(repo)


def test_a_card_is_pushed_and_its_metadata_updated(api, repo, endpoint, token_of, tmp_path):
    script = f"""
from huggingface_hub import ModelCard, metadata_update
ModelCard("---\\nlicense: mit\\nlanguage: yo\\ntags: [first]\\n---\\n\\n# Hello\\n").push_to_hub({repo!r})
metadata_update({repo!r}, {{"tags": ["second"]}}, overwrite=True)
try:
    ModelCard("---\\nlinguahub:\\n  kind: adapter\\n---\\n").validate()
except ValueError as error:
    print(error)
"""
    environment = os.environ | {"HF_ENDPOINT": endpoint, "HF_TOKEN": token_of("ada"), "HF_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert "`license` is missing" in done.stdout
    found = api.model_info(repo)
    assert found.card_data["license"] == "mit"
    assert {"second", "yo", "license:mit"} <= set(found.tags)
    assert "first" not in found.tags


def test_files_can_be_accessed_with_hf_file_system(api, repo, endpoint, token_of):
    files = HfFileSystem(endpoint=endpoint, token=token_of("ada"), skip_instance_cache=True)
    with files.open(f"{repo}/notes.txt", "wb") as opened:
        opened.write(b"hello")
    assert files.cat_file(f"{repo}/notes.txt") == b"hello"
    assert files.ls(repo, detail=False, refresh=True) == [f"{repo}/.gitattributes", f"{repo}/notes.txt"]
    files.rm(f"{repo}/notes.txt")
    assert api.list_repo_files(repo) == [".gitattributes"]


@pytest.mark.parametrize(
    "ask",
    [
        lambda api, repo: api.create_repo("ada/space", repo_type="space", space_sdk="static"),
        lambda api, repo: api.list_collections(owner="ada").__next__(),
        lambda api, repo: api.paper_info("2412.01271"),
        lambda api, repo: api.create_discussion(repo, title="x"),
        lambda api, repo: api.upload_file(path_or_fileobj=b"x", path_in_repo="a.txt", repo_id=repo, create_pr=True),
        lambda api, repo: api.space_info("ada/x"),
        lambda api, repo: next(iter(api.list_jobs(namespace="ada"))),
    ],
    ids=["space", "collections", "paper", "discussion", "pull request", "space_info", "jobs"],
)
def test_unsupported_features_return_501(api, repo, ask):
    with pytest.raises(HfHubHTTPError, match="not supported") as caught:
        ask(api, repo)
    assert status(caught) == 501
    assert caught.value.response.headers["x-error-code"] == "NotImplemented"


def test_a_quota_is_enforced(endpoint, token_of, hub: LocalHub):
    from hub.registry.accounts.permissions import Actor

    hub.accounts.add("small", Actor("root"))
    api = HfApi(endpoint=endpoint, token=token_of("small"))
    repo = api.create_repo("small/full").repo_id
    used = hub.accounts.used_bytes("small")  # `.gitattributes`
    hub.accounts.set_quota("small", 1000 + used, Actor("root"))
    with pytest.raises(HfHubHTTPError, match=f"has a quota of {1000 + used} bytes") as caught:
        api.upload_file(path_or_fileobj=b"x" * 1001, path_in_repo="a.txt", repo_id=repo)
    assert status(caught) == 507
    with pytest.raises(HfHubHTTPError, match=f"has a quota of {1000 + used} bytes"):
        api.upload_file(path_or_fileobj=bytes(range(256)) * 10, path_in_repo="a.parquet", repo_id=repo)
    api.upload_file(path_or_fileobj=b"x" * 900, path_in_repo="a.txt", repo_id=repo)


def test_every_write_leaves_a_line_in_the_audit_log(api, repo, hub: LocalHub):
    api.upload_file(path_or_fileobj=b"x", path_in_repo="a.txt", repo_id=repo)
    api.create_tag(repo, tag="v1")
    api.update_repo_settings(repo, private=True)
    entries = read_audit(hub.registry.database, subject=repo)
    assert [each.action for each in entries] == ["repository.settings", "tag.create", "commit", "commit"]
    assert {each.actor for each in entries} == {"ada"}
    assert all(each.token for each in entries)


def test_a_repository_without_a_card_has_a_page(api, repo, client):
    assert client.get(f"/{repo}").status_code == 200
    api.upload_file(path_or_fileobj=b"---\nlicense: mit\n---\n\n# Plain\n", path_in_repo="README.md", repo_id=repo)
    page = client.get(f"/{repo}")
    assert page.status_code == 200
    assert "Plain" in page.text
    assert client.get("/?owner=ada").status_code == 200
