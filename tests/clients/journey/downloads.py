"""Downloads and the client's cache."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from functools import partial
from pathlib import Path
from unittest.mock import patch

from huggingface_hub import (
    HfApi,
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
    snapshot_download,
    try_to_load_from_cache,
)
from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.file_download import _CACHED_NO_EXIST
from journey import LARGE
from journey.contents import SHARED, TEXT, weights
from journey.cutting import cutting
from journey.steps import Absent, Run, need, need_option, step, without_pauses


@step("`hf_hub_download`, and from the cache without the server")
def download(run: Run) -> None:
    repo = run.shared
    for name, options in (("model.safetensors", {}), ("b/c.txt", {"subfolder": "b"})):
        path = hf_hub_download(repo, Path(name).name, **options)
        assert Path(path).read_bytes() == SHARED[name] and run.api.model_info(repo).sha in path
        assert hf_hub_download(repo, name, local_files_only=True) == path
        assert try_to_load_from_cache(repo, name) == path


@step("missing files are cached (`.no_exist`) and raise the client's errors")
def miss(run: Run) -> None:
    repo = run.shared
    for call, error in (
        (lambda: hf_hub_download(repo, "absent.json"), EntryNotFoundError),
        (lambda: hf_hub_download(repo, "a.txt", revision="absent"), RevisionNotFoundError),
        (lambda: hf_hub_download(f"{run.me}/absent", "a.txt"), RepositoryNotFoundError),
    ):
        try:
            call()
        except error:
            continue
        raise AssertionError(f"{error.__name__} was expected")
    assert try_to_load_from_cache(repo, "absent.json") is _CACHED_NO_EXIST


@step("`snapshot_download`, complete and with patterns")
def download_all(run: Run) -> None:
    repo = run.shared
    folder = Path(snapshot_download(repo))
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found.pop(".gitattributes")
    assert found == SHARED and folder.name == run.api.model_info(repo).sha
    chosen = {"allow_patterns": ["b/*", "*.safetensors", "*.md"], "ignore_patterns": "*.md"}
    folder = Path(snapshot_download(repo, cache_dir=run.folder / "other", **chosen))
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == {"b/c.txt", "model.safetensors"}


@step("`local_dir`: to a folder, and the second time only changed files")
def download_to_folder(run: Run) -> None:
    repo = run.repo("local", {"a.txt": TEXT, "b/model.safetensors": weights(2000)})
    folder = run.folder / "local"
    snapshot_download(repo, local_dir=folder)
    kept = (folder / "b/model.safetensors").stat()
    run.api.upload_file(path_or_fileobj=TEXT * 2, path_in_repo="a.txt", repo_id=repo)
    snapshot_download(repo, local_dir=folder)
    assert (folder / "a.txt").read_bytes() == TEXT * 2
    assert (folder / "b/model.safetensors").stat().st_mtime_ns == kept.st_mtime_ns


@step("by branch, tag and commit")
def download_revisions(run: Run) -> None:
    repo = run.repo("revisions", {"a.txt": b"1"})
    first = run.api.model_info(repo).sha
    run.api.create_tag(repo, tag="v1")
    run.api.create_branch(repo, branch="feat/x")
    run.api.upload_file(path_or_fileobj=b"2", path_in_repo="a.txt", repo_id=repo, revision="feat/x")
    assert run.fetch(repo, "a.txt") == run.fetch(repo, "a.txt", revision="v1") == b"1"
    assert run.fetch(repo, "a.txt", revision="feat/x") == b"2"
    assert run.fetch(repo, "a.txt", revision=first) == b"1"
    assert snapshot_download(repo, revision="feat/x").endswith(run.api.model_info(repo, revision="feat/x").sha)


@step("an interrupted download resumes (`Range`)")
def resume(run: Run) -> None:
    pieces = patch(
        "huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1 << 20
    )  # Clients save what they receive in pieces of 10 MiB.
    with pieces, cutting(run.endpoint, after_bytes=5 << 19) as proxy:
        fetch = partial(hf_hub_download, LARGE, "a.parquet", endpoint=proxy.address, cache_dir=run.folder / "cut")
        with without_pauses(), suppress(Exception):  # Some versions resume within the call, others when called again.
            fetch()
        path = fetch()
    [known] = run.api.get_paths_info(LARGE, "a.parquet")
    assert hashlib.sha256(Path(path).read_bytes()).hexdigest() == known.lfs.sha256
    assert proxy.was_cut
    if not any(each.startswith("bytes=") for each in proxy.ranges):
        raise Absent("starts over: it resumes only after a timeout")


@step("`get_hf_file_metadata`: commit, ETag, size")
def know_file(run: Run) -> None:
    repo = run.shared
    found = get_hf_file_metadata(hf_hub_url(repo, "a.txt"))
    assert found.commit_hash == run.api.model_info(repo).sha and found.size == len(TEXT) and found.etag, found


@step("`get_safetensors_metadata`: only the header, by range requests")
def read_header(run: Run) -> None:
    repo = run.repo("headed", {"model.safetensors": weights(60_000)})
    found = run.api.get_safetensors_metadata(repo)
    assert found.parameter_count == {"F32": 60_000}, found
    one = run.api.parse_safetensors_file_metadata(repo, "model.safetensors")
    assert one.tensors["weight"].shape == [60_000], one


@step("`dry_run`: what would be downloaded")
def rehearse(run: Run) -> None:
    need_option(snapshot_download, "dry_run")
    target = run.folder / "rehearsed"
    planned = {each.filename: each for each in snapshot_download(run.shared, cache_dir=target, dry_run=True)}
    assert planned.keys() == {".gitattributes", *SHARED}
    assert planned["a.txt"].file_size == len(TEXT) and planned["a.txt"].will_download, planned


@step("`resolve_revision`")
def resolve(run: Run) -> None:
    need(HfApi, "resolve_revision")
    repo = run.shared
    found = run.api.resolve_revision(repo)
    assert run.api.model_info(repo).sha in vars(found).values(), vars(found)


@step("`verify_repo_checksums`: cache against server")
def verify(run: Run) -> None:
    need(HfApi, "verify_repo_checksums")
    snapshot_download(run.shared)
    found = run.api.verify_repo_checksums(run.shared)
    assert found.checked_count == 5 and not found.mismatches and not found.missing_paths, found
