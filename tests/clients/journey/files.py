"""`HfFileSystem`: the server as a file system, `hf://`."""

from __future__ import annotations

import fsspec
from huggingface_hub import HfFileSystem
from journey.contents import TEXT, noise, weights
from journey.steps import Run, step


@step("`HfFileSystem`: write, read, list, find, stat, remove")
def use_files(run: Run) -> None:
    repo = run.repo("files", {"b/c.txt": TEXT, "b/model.safetensors": weights(1000)})
    files = HfFileSystem(skip_instance_cache=True)
    with files.open(f"{repo}/notes.txt", "wb") as opened:
        opened.write(TEXT)
    assert files.cat_file(f"{repo}/notes.txt") == TEXT
    assert set(files.ls(repo, detail=False, refresh=True)) == {
        f"{repo}/.gitattributes",
        f"{repo}/b",
        f"{repo}/notes.txt",
    }
    assert files.glob(f"{repo}/**/*.safetensors") == [f"{repo}/b/model.safetensors"]
    assert files.info(f"{repo}/b/c.txt")["size"] == len(TEXT) and files.isdir(f"{repo}/b")
    listed = (".gitattributes", "b/c.txt", "b/model.safetensors", "notes.txt")
    assert set(files.find(repo)) == {f"{repo}/{path}" for path in listed}
    files.rm(f"{repo}/b", recursive=True)
    assert run.files(repo) == {"notes.txt"}


@step("`HfFileSystem`: parts of a file, another revision, `hf://`, data sets, `cp`")
def use_more(run: Run) -> None:
    content = noise(200_000)
    repo = run.repo("more-files", {"a.parquet": content}, repo_type="dataset")
    run.api.create_branch(repo, branch="old", repo_type="dataset")
    run.api.delete_file("a.parquet", repo, repo_type="dataset")
    files = HfFileSystem(skip_instance_cache=True)
    where = f"datasets/{repo}@old/a.parquet"
    with files.open(where, "rb", block_size=10_000) as opened:
        opened.seek(100_000)
        assert opened.read(5) == content[100_000:100_005]
    with fsspec.open(f"hf://{where}") as opened:
        assert opened.read() == content
    model = run.repo("copied-files", {"a.txt": TEXT})
    files.cp_file(f"{model}/a.txt", f"{model}/b.txt")
    assert files.cat_file(f"{model}/b.txt") == TEXT
