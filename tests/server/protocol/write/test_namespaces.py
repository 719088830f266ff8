"""Names of models and data sets, of branches and tags; and gates, which stay closed in duplicates and copies."""

import hashlib
import json

import httpx
import pytest
from huggingface_hub import CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError

from hub.names import ArtifactName
from tests.builders.server.people import ROOT

WEIGHTS = b"PAR1" + bytes(5000)


def post(endpoint, path, token, body):
    headers = {"authorization": f"Bearer {token}"}
    content = body if isinstance(body, str) else json.dumps(body)
    return httpx.post(endpoint + path, content=content, headers=headers | {"content-type": "application/json"})


@pytest.fixture
def gated(api, repo):
    """Return a gated repository with a large file that only its owner may download, and no other repository has."""
    api.upload_file(path_or_fileobj=WEIGHTS + repo.encode(), path_in_repo="a.parquet", repo_id=repo)
    api.update_repo_settings(repo, gated="manual")
    return repo


def files(api, repo, **options):
    """Return the files of a repository, without the one that every new repository has."""
    return sorted(set(api.list_repo_files(repo, **options)) - {".gitattributes"})


def test_a_model_and_a_data_set_can_have_the_same_name(api, repo, endpoint):
    made = api.create_repo(repo, repo_type="dataset")
    assert str(made) == f"{endpoint}/datasets/{repo}"
    api.upload_file(path_or_fileobj=b"data", path_in_repo="data.txt", repo_id=repo, repo_type="dataset")
    assert files(api, repo) == []
    assert files(api, repo, repo_type="dataset") == ["data.txt"]
    api.move_repo(repo, f"{repo}-2", repo_type="dataset")
    assert api.dataset_info(repo).id == f"{repo}-2"
    assert api.model_info(repo).id == repo
    api.delete_repo(f"{repo}-2", repo_type="dataset")
    assert api.repo_exists(repo)
    assert not api.repo_exists(repo, repo_type="dataset")


def test_a_token_for_a_data_set_does_not_write_the_model_of_the_same_name(api, repo, endpoint, token_of):
    api.create_repo(repo, repo_type="dataset", private=True)
    narrow = HfApi(endpoint=endpoint, token=token_of("ada", artifact=f"datasets/{repo}"))
    narrow.upload_file(path_or_fileobj=b"x", path_in_repo="a.txt", repo_id=repo, repo_type="dataset")
    with pytest.raises(HfHubHTTPError, match="limited to `datasets/"):
        narrow.upload_file(path_or_fileobj=b"x", path_in_repo="a.txt", repo_id=repo)


def test_a_tag_stays_a_pin_when_a_branch_gets_its_name(api, repo, hub):
    api.upload_file(path_or_fileobj=b"1", path_in_repo="a.txt", repo_id=repo)
    api.create_tag(repo, tag="v1")
    api.create_branch(repo, branch="v1")
    api.upload_file(path_or_fileobj=b"2", path_in_repo="b.txt", repo_id=repo, revision="v1")
    name = ArtifactName.parse(repo, "")
    assert {each.kind: each.revision for each in hub.registry.refs(name) if each.name == "v1"} == {
        "branch": hub.registry.revision(name, "refs/heads/v1").id,
        "tag": hub.registry.revision(name, "v1").id,
    }
    assert files(api, repo, revision="v1") == ["a.txt"]
    assert files(api, repo, revision="refs/heads/v1") == ["a.txt", "b.txt"]
    for tag in ("main", "HEAD"):
        with pytest.raises(HfHubHTTPError):
            api.create_tag(repo, tag=tag)


def test_a_folder_is_deleted_with_and_without_a_slash(api, repo):
    for deletion in (
        CommitOperationDelete("d"),
        CommitOperationDelete("d", is_folder=True),
        CommitOperationDelete("d/"),
    ):
        api.upload_file(path_or_fileobj=b"x", path_in_repo="d/a.txt", repo_id=repo)
        api.create_commit(repo, [deletion], commit_message="Delete")
        assert files(api, repo) == []


def test_a_duplicate_of_a_gated_repository_is_gated(api, gated, bobs, nobodys, hub):
    from hub.registry.artifacts.access_requests import set_status

    with pytest.raises(HfHubHTTPError):
        bobs.duplicate_repo(gated, "bob/taken")
    set_status(hub.registry.database, ArtifactName.parse(gated, ""), hub.accounts.get("bob"), "accepted", ROOT)
    copy = bobs.duplicate_repo(gated, f"bob/{gated.partition('/')[2]}").repo_id
    assert bobs.model_info(copy).gated == "manual"
    with pytest.raises(HfHubHTTPError):
        nobodys.auth_check(copy)


def test_gated_files_are_not_copied_to_where_there_is_no_gate(gated, bobs, hub, endpoint, token_of):
    from hub.registry.artifacts.access_requests import set_status

    set_status(hub.registry.database, ArtifactName.parse(gated, ""), hub.accounts.get("bob"), "accepted", ROOT)
    target = bobs.create_repo(f"bob/{gated.partition('/')[2]}").repo_id
    content = WEIGHTS + gated.encode()
    token, digest = token_of("bob"), hashlib.sha256(content).hexdigest()
    asked = {"target": {"type": "model", "name": target}, "files": [{"sha256": digest, "xetHash": "x"}]}
    line = {"key": "lfsFile", "value": {"path": "a.parquet", "algo": "sha256", "oid": digest, "size": len(content)}}
    body = "\n".join(map(json.dumps, ({"key": "header", "value": {"summary": "Copy"}}, line)))

    def copies():
        return [
            post(endpoint, f"/api/models/{gated}/lfs-files/duplicate", token, asked).status_code,
            post(endpoint, f"/api/models/{target}/commit/main", token, body).status_code,
        ]

    assert copies() == [403, 400]
    bobs.update_repo_settings(target, gated="auto")
    assert copies() == [200, 200]
    assert files(bobs, target) == ["a.parquet"]


def test_short_texts_are_reported_as_git_stores_them_and_large_files_with_a_xet_hash(api, repo):
    api.upload_file(path_or_fileobj=b"hello\n", path_in_repo="a.txt", repo_id=repo)
    api.upload_file(path_or_fileobj=WEIGHTS, path_in_repo="a.parquet", repo_id=repo)
    found = {each.path: each for each in api.get_paths_info(repo, ["a.txt", "a.parquet"])}
    assert (found["a.txt"].lfs, found["a.txt"].blob_id) == (None, "ce013625030ba8dba906f756967f9e9ca394464a")
    assert len(found["a.parquet"].xet_hash) == 64
    listed = {each.path: each for each in api.list_repo_tree(repo)}
    assert listed["a.txt"].blob_id == found["a.txt"].blob_id
    assert listed["a.parquet"].xet_hash is None  # Clients would download by Xet.
    siblings = {each.rfilename: each for each in api.model_info(repo, files_metadata=True).siblings}
    assert (siblings["a.txt"].lfs, siblings["a.txt"].blob_id) == (None, found["a.txt"].blob_id)
