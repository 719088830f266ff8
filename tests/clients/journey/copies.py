"""Copies of files between repositories, without downloading them."""

from __future__ import annotations

from dataclasses import fields

from huggingface_hub import CommitOperationCopy, HfApi
from journey.contents import TEXT, noise, weights
from journey.steps import Absent, Run, need, status_of, step

FILES = {"notes/a.txt": TEXT, "model.safetensors": weights(3000), "a.parquet": noise(100_000)}


def copy_of(path: str, repo: str, kind: str = "model") -> CommitOperationCopy:
    """Return a copy of a file of another repository to the same path."""
    if "src_repo_id" not in {each.name for each in fields(CommitOperationCopy)}:
        raise Absent("`CommitOperationCopy` has no `src_repo_id`")
    return CommitOperationCopy(path, path, src_repo_id=repo, src_repo_type=kind)


@step("`CommitOperationCopy` from another repository: texts and large files")
def copy_across(run: Run) -> None:
    changes = [copy_of(path, f"{run.me}/source") for path in FILES]
    run.repo("source", FILES)
    target = run.repo("target")
    run.api.create_commit(target, changes, commit_message="Copy")
    assert {path: run.fetch(target, path) for path in FILES} == FILES
    content = noise(50_000)
    data = run.repo("source", {"b.parquet": content}, repo_type="dataset")  # A data set named like the model.
    run.api.create_commit(target, [copy_of("b.parquet", data, "dataset")], commit_message="Copy")
    assert run.fetch(target, "b.parquet") == content


@step("`CommitOperationCopy` of private and gated files: not for others, and never out of the gate")
def copy_closed(run: Run) -> None:
    copy_of("model.safetensors", "hidden-source")  # Raises Absent before anything is created.
    hidden, gated = run.repo("hidden-source", FILES, private=True), run.repo("gated-source", FILES)
    run.api.update_repo_settings(gated, gated="auto")
    target = str(run.guest.create_repo(f"{run.guest_name}/target").repo_id)

    def copy(source: str) -> None:
        run.guest.create_commit(target, [copy_of("model.safetensors", source)], commit_message="Copy")

    assert status_of(lambda: copy(hidden)) == 404
    assert status_of(lambda: copy(gated)) == 403
    run.ask("POST", f"/{gated}/ask-access", run.guest_token)
    assert status_of(lambda: copy(gated)) == 403
    run.guest.update_repo_settings(target, gated="manual")
    copy(gated)
    assert set(run.guest.list_repo_files(target)) - {".gitattributes"} == {"model.safetensors"}


@step("`copy_files`: a folder to another repository")
def copy_folder(run: Run) -> None:
    need(HfApi, "copy_files")
    source, target = run.repo("copied", FILES | {"notes/b.parquet": noise(20_000)}), run.repo("copy-target")
    run.api.copy_files(f"hf://models/{source}/notes/", f"hf://models/{target}/notes/")
    assert {path.rpartition("/")[2] for path in run.files(target)} == {"a.txt", "b.parquet"}
