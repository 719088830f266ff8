"""Descriptions of repositories and their files."""

from __future__ import annotations

from huggingface_hub import HfApi
from journey import LONG, MANY
from journey.contents import CARD, SHARED, TEXT, weights
from journey.steps import Run, need, status_of, step


@step("`model_info`, and of a revision")
def describe(run: Run) -> None:
    repo = run.shared
    found = run.api.model_info(repo)
    assert found.id == repo and found.author == run.me and not found.private and not found.gated, found
    assert found.created_at and found.last_modified and found.card_data["license"] == "mit", found
    assert {"yo", "license:mit", "journey"} <= set(found.tags), found.tags
    assert {each.rfilename for each in found.siblings} == {".gitattributes", *SHARED}
    assert all(each.size is None for each in found.siblings)
    first = run.api.list_repo_commits(repo)[-1].commit_id
    assert [each.rfilename for each in run.api.model_info(repo, revision=first).siblings] == [".gitattributes"]
    assert status_of(lambda: run.api.model_info(repo, revision="absent")) == 404


@step("`model_info(files_metadata=True, securityStatus=True)`")
def describe_files(run: Run) -> None:
    content = SHARED["model.safetensors"]
    found = run.api.model_info(run.shared, files_metadata=True, securityStatus=True)
    [file] = [each for each in found.siblings if each.rfilename == "model.safetensors"]
    assert file.size == file.lfs.size == len(content) and len(file.lfs.sha256) == 64 and file.blob_id, file
    assert found.security_repo_status["scansDone"] is True, found.security_repo_status
    assert found.safetensors.total == 2000 and found.safetensors.parameters == {"F32": 2000}, found.safetensors


@step("`model_info(expand=…)`, `dataset_info(expand=…)`: the requested fields; 400 for unknown ones")
def expand(run: Run) -> None:
    repo = run.repo("unfolded", {"README.md": CARD})
    found = run.api.model_info(repo, expand=["likes", "cardData", "siblings", "downloadsAllTime", "pipeline_tag"])
    assert found.likes == 0 and found.card_data["license"] == "mit" and found.downloads_all_time == 0, found
    assert found.sha is None and found.tags is None and found.pipeline_tag, found
    assert status_of(lambda: run.api.model_info(repo, expand=["beauty"])) == 400
    assert run.api.dataset_info(run.dictionary, expand=["sha", "tags"]).sha


@step("`list_repo_tree`: a folder, recursive, with the last commit of each entry (`expand`)")
def walk_tree(run: Run) -> None:
    repo = run.repo("treelike", {"a.txt": TEXT, "b/c.txt": TEXT, "b/d/e.safetensors": weights(1000)})
    run.api.upload_file(path_or_fileobj=TEXT * 2, path_in_repo="a.txt", repo_id=repo, commit_message="Change a")
    assert [each.path for each in run.api.list_repo_tree(repo)] == ["b", ".gitattributes", "a.txt"]
    assert [each.path for each in run.api.list_repo_tree(repo, "b")] == ["b/d", "b/c.txt"]
    found = {each.path: each for each in run.api.list_repo_tree(repo, recursive=True, expand=True)}
    assert set(found) == {"b", "b/d", ".gitattributes", "a.txt", "b/c.txt", "b/d/e.safetensors"}
    assert found["a.txt"].last_commit.title == "Change a", found["a.txt"]
    assert found["b"].last_commit.title == found["b/c.txt"].last_commit.title == "Begin"
    assert found["b/d/e.safetensors"].lfs.sha256 and found["a.txt"].security.safe, found["a.txt"]
    assert status_of(lambda: next(iter(run.api.list_repo_tree(repo, "absent")))) == 404


@step("`list_repo_files` and `list_repo_tree` with more files than fit on a page (1,000; 50 with `expand`)")
def walk_pages(run: Run) -> None:
    assert len(run.files(MANY)) == 1005
    expanded = list(run.api.list_repo_tree(LONG, expand=True))
    assert (
        len({each.path for each in expanded} - {".gitattributes"}) == 60
        and expanded[-1].last_commit.title == "Say 59 < 99"
    )


@step("`get_paths_info`: files and folders, with their last commit; missing ones omitted")
def describe_paths(run: Run) -> None:
    folder, file = run.api.get_paths_info(run.shared, ["b", "b/c.txt", "absent"], expand=True)
    assert folder.path == "b" and file.path == "b/c.txt" and file.size == len(TEXT)
    assert file.last_commit.title == folder.last_commit.title == "Begin"


@step("`list_lfs_files`, `permanently_delete_lfs_files`: deleted from every revision")
def erase(run: Run) -> None:
    repo = run.repo("erased", {"kept.safetensors": weights(1000), "a.txt": TEXT})
    run.api.upload_file(path_or_fileobj=weights(1000), path_in_repo="gone.safetensors", repo_id=repo)
    before = run.api.model_info(repo).sha
    found = {each.filename: each for each in run.api.list_lfs_files(repo)}
    assert {"kept.safetensors", "gone.safetensors"} <= set(found), found
    assert found["gone.safetensors"].size > 4000 and found["gone.safetensors"].pushed_at
    assert status_of(lambda: run.guest.permanently_delete_lfs_files(repo, [found["gone.safetensors"]])) == 403
    run.api.permanently_delete_lfs_files(repo, [found["gone.safetensors"]])
    assert run.files(repo) == {"kept.safetensors", "a.txt"}
    assert status_of(lambda: run.api.model_info(repo, revision=before)) == 404
    assert "gone.safetensors" not in {each.filename for each in run.api.list_lfs_files(repo)}


@step("`get_sharded_safetensors_metadata`: all shards in one response")
def read_shards(run: Run) -> None:
    need(HfApi, "get_sharded_safetensors_metadata")
    index = b'{"metadata": {"total_size": 8000}, "weight_map": {"weight": "model-00001-of-00001.safetensors"}}'
    files = {"model.safetensors.index.json": index, "model-00001-of-00001.safetensors": weights(2000)}
    repo = run.repo("sharded", files)
    found = run.api.get_sharded_safetensors_metadata(repo)
    assert found.sharded and found.parameter_count == {"F32": 2000}, found
