"""The `hf` command."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import constants
from journey.contents import CARD, TEXT, weights
from journey.steps import VERSION, Absent, Run, step, without_pauses


@step("`hf auth login`, `whoami`")
def authenticate(run: Run) -> None:
    run.hf("auth", "login", "--token", run.token)
    assert Path(constants.HF_TOKEN_PATH).read_text() == run.token
    assert run.me in run.hf("auth", "whoami")


@step("`hf repos create`, `tag`, `branch`, `settings`, `move`, `delete`")
def keep_repositories(run: Run) -> None:
    repo = f"{run.me}/commanded"
    group = "repos" if VERSION >= (1, 19) else "repo"
    run.hf(group, "create", repo)
    assert run.api.repo_exists(repo)
    run.hf(group, "tag", "create", repo, "v1")
    assert [each.name for each in run.api.list_repo_refs(repo).tags] == ["v1"]
    if VERSION < (1, 0):
        raise Absent("has only `create` and `tag`, which work")
    run.hf(group, "branch", "create", repo, "dev")
    run.hf(group, "settings", repo, "--gated", "manual")
    assert run.api.model_info(repo).gated == "manual"
    run.hf(group, "move", repo, f"{repo}-2")
    run.hf(group, "delete", f"{repo}-2", *(["--yes"] if VERSION >= (1, 19) else []))
    assert not run.api.repo_exists(f"{repo}-2")


@step("`hf upload` of a folder and a file, `hf download`")
def send_and_fetch(run: Run) -> None:
    repo, files = f"{run.me}/sent", {"README.md": CARD, "model.safetensors": weights(3000)}
    folder = run.folder_with("sent", files)
    run.hf("upload", repo, folder)
    run.hf("upload", repo, run.folder_with("one", {"a.txt": TEXT}) / "a.txt", "deep/a.txt")
    assert run.files(repo) == {*files, "deep/a.txt"}
    target = run.folder / "fetched"
    run.hf("download", repo, "--local-dir", target, "--exclude", "deep/*")
    for path, content in files.items():
        assert (target / path).read_bytes() == content
    assert not (target / "deep").exists()


@step("`hf upload-large-folder`")
def send_large_folder(run: Run) -> None:
    if VERSION >= (2, 0):
        raise Absent("no `upload-large-folder`; `upload` handles large folders")
    repo = run.repo("sent-largely")
    folder = run.folder_with("largely", {"a/model.safetensors": weights(1000)})
    with without_pauses():
        run.hf("upload-large-folder", repo, folder, "--repo-type", "model", "--num-workers", "1", "--no-report")
    assert run.files(repo) == {"a/model.safetensors"}


@step("`hf models ls`, `info`; `hf datasets ls`")
def look(run: Run) -> None:
    if VERSION < (1, 19):
        raise Absent("no `hf models`")
    repo = run.shared
    assert repo in run.hf("models", "ls", "--author", run.me, "--search", "share", "--filter", "yo", "--format", "json")
    assert '"license:mit"' in run.hf("models", "info", repo, *(["--format", "json"] if VERSION >= (1, 20) else []))
    assert run.dictionary in run.hf("datasets", "ls", "--author", run.me, "--format", "json")


@step("`hf cache verify`")
def verify(run: Run) -> None:
    if VERSION < (1, 19):
        raise Absent("no `hf cache verify`")
    run.api.snapshot_download(run.shared)
    run.hf("cache", "verify", run.shared)


@step("`hf repos ls`, `duplicate`, `cp`, `delete-files`")
def keep_more(run: Run) -> None:
    if VERSION < (1, 19):
        raise Absent("none of these commands")
    repo = run.repo("kept", {"a.txt": TEXT, "b.txt": TEXT})
    assert repo in run.hf("repos", "ls", "--format", "json")
    run.hf("repos", "duplicate", repo, f"{run.me}/kept-too")
    run.hf("repos", "delete-files", f"{run.me}/kept-too", "a.txt")
    assert run.files(f"{run.me}/kept-too") == {"b.txt"}
    run.hf("repos", "cp", f"hf://{repo}/a.txt", run.folder / "copied.txt")
    assert (run.folder / "copied.txt").read_bytes() == TEXT
