"""Uploads: inside the commit, by LFS in one piece or in parts, and by Xet."""

from __future__ import annotations

import io
from functools import partial

from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi
from journey import PART_BYTES
from journey.contents import TEXT, large, noise, weights
from journey.steps import Absent, Run, need, status_of, step, without_pauses


@step("`upload_file` of a path", sends=True)
def send_path(run: Run) -> None:
    content, repo = weights(20_000), run.repo("from-path")
    path = run.folder_with("path", {"model.safetensors": content}) / "model.safetensors"
    done = run.api.upload_file(path_or_fileobj=path, path_in_repo="model.safetensors", repo_id=repo)
    assert run.fetch(repo, "model.safetensors") == content
    assert done.commit_url.startswith(f"{run.endpoint}/{repo}/commit/"), done


@step("`upload_file` of bytes: a short text, and weights", sends=True)
def send_bytes(run: Run) -> None:
    content, repo = weights(20_000), run.repo("from-bytes")
    for path, sent in (("notes/a.txt", TEXT), ("model.safetensors", content)):
        run.api.upload_file(path_or_fileobj=sent, path_in_repo=path, repo_id=repo)
        assert run.fetch(repo, path) == sent


@step("`upload_file` of a file object: LFS in one piece", sends=True)
def send_object(run: Run) -> None:
    content, repo = noise(300_000), run.repo("from-object")
    run.api.upload_file(path_or_fileobj=io.BytesIO(content), path_in_repo="a.parquet", repo_id=repo)
    assert run.fetch(repo, "a.parquet") == content


@step("LFS in parts (`multipart`)", sends=True)
def send_parts(run: Run) -> None:
    content, repo = large(2 * PART_BYTES + 1000), run.repo("in-parts")
    run.api.upload_file(path_or_fileobj=io.BytesIO(content), path_in_repo="a.parquet", repo_id=repo)
    assert run.fetch(repo, "a.parquet") == content


@step("Xet with several chunks, and again with known chunks")
def send_by_xet(run: Run) -> None:
    if not run.sends_xet:
        raise Absent("uses LFS unless the server requires Xet, and always without `hf_xet`")
    content, repo = noise(2_000_000), run.repo("by-xet")
    path = run.folder_with("xet", {"a.parquet": content}) / "a.parquet"
    run.api.upload_file(path_or_fileobj=path, path_in_repo="a.parquet", repo_id=repo)
    assert run.fetch(repo, "a.parquet") == content
    run.api.upload_file(path_or_fileobj=content + noise(100_000), path_in_repo="b.parquet", repo_id=repo)
    assert run.fetch(repo, "b.parquet")[: len(content)] == content


@step("`upload_folder`, with patterns for files to upload and to delete", sends=True)
def send_folder(run: Run) -> None:
    repo = run.repo("from-folder", {"old/gone.txt": TEXT, "kept.txt": TEXT})
    files = {"a.txt": TEXT, "deep/er/b.safetensors": weights(3000), "log/x.tmp": TEXT, "old/new.txt": TEXT}
    folder = run.folder_with("folder", files)
    run.api.upload_folder(repo_id=repo, folder_path=folder, ignore_patterns="*.tmp", delete_patterns="old/*")
    expected = {"a.txt", "deep/er/b.safetensors", "old/new.txt", "kept.txt"}
    assert run.files(repo) == expected
    assert run.fetch(repo, "deep/er/b.safetensors") == files["deep/er/b.safetensors"]


@step("`upload_folder` again: no changes, no second commit")
def send_again(run: Run) -> None:
    repo = run.repo("again")
    folder = run.folder_with("again", {"a.txt": TEXT, "b.safetensors": weights(3000)})
    first = run.api.upload_folder(repo_id=repo, folder_path=folder).oid
    assert run.api.upload_folder(repo_id=repo, folder_path=folder).oid == first
    assert len(run.api.list_repo_commits(repo)) == 2


@step("`upload_large_folder`", sends=True)
def send_large_folder(run: Run) -> None:
    need(HfApi, "upload_large_folder")
    repo = run.repo("large-folder")
    files = {f"part-{number}/a.safetensors": weights(2000) for number in range(3)} | {"README.md": b"# Large\n"}
    folder = run.folder_with("large", files)
    with without_pauses():
        run.api.upload_large_folder(repo, folder, repo_type="model", num_workers=2, print_report=False)
    assert run.files(repo) == files.keys()
    assert run.fetch(repo, "part-2/a.safetensors") == files["part-2/a.safetensors"]


@step("`create_commit`: add, copy and delete in one commit", sends=True)
def commit(run: Run) -> None:
    content = weights(2000)
    repo = run.repo("committed", {"a.txt": TEXT, "b/c.txt": TEXT, "model.safetensors": content})
    changes = [
        CommitOperationAdd("new.txt", TEXT + b"2"),
        CommitOperationCopy("model.safetensors", "copy.safetensors"),
        CommitOperationDelete("a.txt"),
        CommitOperationDelete("b/", is_folder=True),
    ]
    before = run.api.model_info(repo).sha
    done = run.api.create_commit(repo, changes, commit_message="Change all of it", parent_commit=before)
    assert run.files(repo) == {"new.txt", "model.safetensors", "copy.safetensors"}
    assert run.fetch(repo, "copy.safetensors") == content
    assert done.oid == run.api.model_info(repo).sha


@step("`create_commit` on a stale parent: refused with 412")
def commit_too_late(run: Run) -> None:
    repo = run.repo("stale")
    before = run.api.model_info(repo).sha
    run.api.upload_file(path_or_fileobj=TEXT, path_in_repo="a.txt", repo_id=repo)
    change = [CommitOperationAdd("b.txt", TEXT)]
    late = lambda: run.api.create_commit(repo, change, commit_message="Late", parent_commit=before)  # noqa: E731
    assert status_of(late) == 412
    assert run.files(repo) == {"a.txt"}


@step("`preupload_lfs_files`, then `create_commit`", sends=True)
def send_before(run: Run) -> None:
    content, repo = weights(4000), run.repo("before-commit")
    change = CommitOperationAdd("model.safetensors", content)
    run.api.preupload_lfs_files(repo, [change])
    assert run.files(repo) == set()
    run.api.create_commit(repo, [change], commit_message="Name what was sent")
    assert run.fetch(repo, "model.safetensors") == content


@step("`delete_file`, `delete_files`, `delete_folder`")
def delete(run: Run) -> None:
    repo = run.repo("deleting", {"a.txt": TEXT, "b.log": TEXT, "c.log": TEXT, "d/e.txt": TEXT, "f.txt": TEXT})
    run.api.delete_file("a.txt", repo)
    run.api.delete_files(repo, ["*.log"])
    run.api.delete_folder("d", repo)
    run.api.upload_file(path_or_fileobj=TEXT, path_in_repo="g/h.txt", repo_id=repo)
    run.api.create_commit(repo, [CommitOperationDelete("g")], commit_message="Delete a folder without a slash")
    assert run.files(repo) == {"f.txt"}
    assert status_of(lambda: run.api.delete_file("absent.txt", repo)) == 404


@step("`run_as_future` and `CommitScheduler`")
def send_later(run: Run) -> None:
    from huggingface_hub import CommitScheduler

    repo = run.repo("later")
    waiting = run.api.upload_file(path_or_fileobj=TEXT, path_in_repo="a.txt", repo_id=repo, run_as_future=True)
    assert waiting.result(timeout=30).oid == run.api.model_info(repo).sha
    folder = run.folder_with("scheduled", {"log.txt": TEXT})
    with CommitScheduler(repo_id=repo, folder_path=folder, every=60, repo_type="model") as scheduler:
        scheduler.trigger().result(timeout=30)
    assert "log.txt" in run.api.list_repo_files(repo)


@step("ordinary files are accepted, in models and data sets: pickles, archives, scripts", sends=True)
def send_ordinary(run: Run) -> None:
    files = {
        "training_args.bin": b"\x80\x02}q\x00.", "all.zip": b"PK\x05\x06" + bytes(18), "rows.jsonl.gz": b"\x1f\x8b\x08\x00",
        "run.sh": b"#!/bin/sh\n", "shard.tar": bytes(257) + b"ustar" + bytes(250),
    }  # fmt: skip
    folder = run.folder_with("ordinary", files)
    for kind in ("model", "dataset"):
        repo = run.repo(f"ordinary-{kind}", repo_type=kind)
        run.api.upload_folder(repo_id=repo, folder_path=folder, repo_type=kind)
        assert run.files(repo, repo_type=kind) == files.keys()
        assert run.fetch(repo, "training_args.bin", repo_type=kind) == files["training_args.bin"]


@step("`.gitignore` and `.gitattributes` of a repository are respected")
def leave_out(run: Run) -> None:
    repo = run.repo("ignoring")
    assert b"filter=lfs" in run.fetch(repo, ".gitattributes")
    folder = run.folder_with("ignoring", {".gitignore": b"*.log\n", "a.log": TEXT, "a.txt": TEXT})
    run.api.upload_file(path_or_fileobj=folder / ".gitignore", path_in_repo=".gitignore", repo_id=repo)
    run.api.upload_folder(repo_id=repo, folder_path=folder)
    assert run.files(repo) == {".gitignore", "a.txt"}


@step("`upload_large_folder` with a refused file ends, without it")
def send_large_refused(run: Run) -> None:
    need(HfApi, "upload_large_folder")
    repo = run.repo("large-refused")
    folder = run.folder_with("large-refused", {"tool.exe": b"MZ\0\0", "a.txt": TEXT})
    with without_pauses():
        run.api.upload_large_folder(repo, folder, repo_type="model", num_workers=2, print_report=False)
    assert run.files(repo) == {"a.txt"}


@step("unsafe or invalid files are rejected: a program, a pickle as safetensors, broken safetensors")
def send_wrong(run: Run) -> None:
    repo = run.repo("refused")
    wrong = (("tool", b"\x7fELF\x02\x01"), ("a.safetensors", b"\x80\x04."), ("model.safetensors", b"\xff" * 100))
    for path, content in wrong:
        send = partial(run.api.upload_file, path_or_fileobj=content, path_in_repo=path, repo_id=repo)
        assert status_of(send) == 400, path
    assert run.files(repo) == set()
