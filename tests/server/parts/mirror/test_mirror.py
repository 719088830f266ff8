"""Clients read repositories from a mirror, also when the upstream is unavailable."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFolder

from hub.cli import main
from hub.names import ArtifactName
from hub.records import Provenance, Query
from hub.registry.artifacts.repositories import remove_tombstone
from server import create_app
from server.parts.mirror import mirror as rules
from server.parts.mirror.mirrored_repositories import origin_of_name
from server.parts.mirror.upstream import UpstreamClient
from tests.builders.processes import running
from tests.builders.server.mirrors import WEIGHTS, mirroring, settled, tokens
from tests.builders.server.people import ROOT
from tests.builders.serving import served


def bytes_below(folder: str) -> dict[str, bytes]:
    root = Path(folder)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_snapshot_is_mirrored_and_served_again_without_the_upstream(make_repo, author, hub, origin, tmp_path):
    repo = make_repo()
    sha = author.model_info(repo).sha
    with mirroring(hub, origin.address) as mirror:
        folder = snapshot_download(repo, endpoint=mirror.address, cache_dir=tmp_path / "1", token=False)
        assert Path(folder).name == sha
    settled(hub)
    theirs = snapshot_download(repo, endpoint=origin.address, cache_dir=tmp_path / "2", token=False)
    assert bytes_below(folder) == bytes_below(theirs)
    with served(create_app(hub)) as server_without_upstream:  # As after a restart while the upstream is unavailable.
        again = snapshot_download(repo, endpoint=server_without_upstream.address, cache_dir=tmp_path / "3", token=False)
        assert bytes_below(again) == bytes_below(theirs)
        assert Path(again).name == sha


def test_a_pinned_commit_keeps_the_upstreams_id(make_repo, author, reader, mirror, tmp_path):
    repo = make_repo()
    first = author.model_info(repo).sha
    author.upload_file(path_or_fileobj=b"later\n", path_in_repo="notes.txt", repo_id=repo)
    folder = snapshot_download(repo, revision=first, endpoint=mirror.address, cache_dir=tmp_path, token=False)
    assert Path(folder).name == first
    assert not (Path(folder) / "notes.txt").exists()
    assert reader.model_info(repo, revision=first).sha == first
    head = httpx.head(f"{mirror.address}/{repo}/resolve/{first}/emoji-sd/model.safetensors")
    assert head.headers["x-repo-commit"] == first
    assert head.headers["etag"] == f'"{hashlib.sha256(WEIGHTS).hexdigest()}"'
    assert not [name for name in head.headers if "xet" in name]


def test_a_branch_is_requested_again_only_after_a_while(make_repo, author, reader, monkeypatch):
    repo = make_repo()
    first = reader.model_info(repo).sha
    author.upload_file(path_or_fileobj=b"later\n", path_in_repo="notes.txt", repo_id=repo)
    assert reader.model_info(repo).sha == first
    monkeypatch.setattr(rules, "FRESH_S", 0.0)
    assert reader.model_info(repo).sha == author.model_info(repo).sha != first


def test_the_description_of_an_unchanged_branch_is_not_requested_again(make_repo, reader, monkeypatch):
    repo = make_repo()
    first = reader.model_info(repo).sha
    monkeypatch.setattr(rules, "FRESH_S", 0.0)
    monkeypatch.setattr(UpstreamClient, "describe", None)
    response = httpx.get(f"{reader.endpoint}/api/models/{repo}")
    assert response.json()["sha"] == first
    assert "x-hf-warning" not in response.headers


def entries(listed):
    """Return files as they are, and of folders only the paths: the upstream computes their ids without reading texts."""
    return [each.path if isinstance(each, RepoFolder) else each for each in listed]


def test_trees_paths_refs_and_missing_files_match_the_upstream(make_repo, author, reader):
    repo = make_repo()
    author.create_tag(repo, tag="v1")
    author.create_branch(repo, branch="other")
    for options in ({"recursive": True}, {"path_in_repo": "emoji-sd"}, {}):
        assert entries(reader.list_repo_tree(repo, **options)) == entries(author.list_repo_tree(repo, **options))
    assert reader.get_paths_info(repo, ["README.md", "no"]) == author.get_paths_info(repo, ["README.md", "no"])
    ours, theirs = reader.list_repo_refs(repo), author.list_repo_refs(repo)
    assert (ours.branches, ours.tags) == (theirs.branches, theirs.tags)
    assert reader.model_info(repo, revision="v1").sha == author.model_info(repo).sha
    with pytest.raises(RemoteEntryNotFoundError):
        reader.hf_hub_download(repo, "no.json")
    with pytest.raises(RevisionNotFoundError):
        reader.model_info(repo, revision="no")
    with pytest.raises(RepositoryNotFoundError):
        reader.model_info("far/nothing")


def test_a_dataset_is_mirrored(author, reader, tmp_path):
    author.create_repo("far/names", repo_type="dataset")
    author.upload_file(path_or_fileobj=b"a\tb\n", path_in_repo="n.tsv", repo_id="far/names", repo_type="dataset")
    found = reader.hf_hub_download("far/names", "n.tsv", repo_type="dataset", cache_dir=tmp_path)
    assert Path(found).read_bytes() == b"a\tb\n"
    with pytest.raises(RepositoryNotFoundError):
        reader.model_info("far/names")


def test_the_origin_is_shown_and_scores_become_reported(make_repo, reader, hub, origin, monkeypatch, capsys):
    repo = make_repo()
    sha = reader.model_info(repo).sha
    shown = httpx.get(f"{reader.endpoint}/api/models/{repo}").json()["mirror"]
    assert shown == {"upstream": origin.address, "commit": sha, "fetchedAt": shown["fetchedAt"]}
    artifact = hub.registry.get(repo)
    assert hub.registry.find(Query(text=repo.partition("/")[2], language="yo")).total == 1
    assert [score.provenance for score in artifact.scores] == [Provenance.REPORTED]
    assert artifact.scores[0].source.startswith(f"{origin.address}/{repo}: ")
    assert origin_of_name(hub.registry.database, artifact.name).commit_id == sha
    page = httpx.get(f"{reader.endpoint}/{repo}").text
    assert f'Mirrored from <a href="{origin.address}/{repo}"' in page
    monkeypatch.setenv("HUB_HOME", str(hub.home.folder))
    monkeypatch.setenv("HUB_CARDS", str(hub.home.cards))
    assert main(["show", repo]) == 0
    assert f"mirror of     {origin.address} at {sha[:12]}" in capsys.readouterr().out
    listed = next(each for each in reader.list_models(author="far", full=True) if each.id == repo)
    assert reader.model_info(repo, revision=listed.sha).sha == sha


def test_concurrent_requests_share_one_download(make_repo, reader, mirror, origin, monkeypatch):
    repo = make_repo()
    reader.model_info(repo)
    opened = []
    real = UpstreamClient.open

    def counted(self, repo, commit_id, file):
        opened.append(file.path)
        return real(self, repo, commit_id, file)

    monkeypatch.setattr(UpstreamClient, "open", counted)
    address = f"{mirror.address}/{repo}/resolve/main/emoji-sd/model.safetensors"
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: httpx.get(address).content, range(8)))
    assert found == [WEIGHTS] * 8
    assert opened == ["emoji-sd/model.safetensors"]


def test_ranges_are_served_during_and_after_the_download(make_repo, mirror):
    address = f"{mirror.address}/{make_repo()}/resolve/main/emoji-sd/model.safetensors"
    for byte_range, expected in (
        ("bytes=100-", WEIGHTS[100:]),
        ("bytes=5-9", WEIGHTS[5:10]),
        ("bytes=-7", WEIGHTS[-7:]),
    ):
        response = httpx.get(address, headers={"Range": byte_range})
        assert response.status_code == 206
        assert response.content == expected
        assert response.headers["content-range"].endswith(f"/{len(WEIGHTS)}")
    assert httpx.get(address, headers={"Range": f"bytes={len(WEIGHTS)}-"}).status_code == 416


def test_without_the_upstream_missing_files_return_502_and_stored_ones_have_a_warning(
    make_repo, hub, origin, monkeypatch, tmp_path
):
    repo = make_repo()
    with mirroring(hub, origin.address) as mirror:
        hf_hub_download(repo, "README.md", endpoint=mirror.address, cache_dir=tmp_path, token=False)
    monkeypatch.setattr(rules, "FRESH_S", 0.0)
    with mirroring(hub, "http://127.0.0.1:9") as mirror:  # The discard port, on which nothing listens.
        info = httpx.get(f"{mirror.address}/api/models/{repo}")
        assert info.status_code == 200
        assert info.headers["x-hf-warning"].startswith("mirror; ")
        assert httpx.get(f"{mirror.address}/{repo}/resolve/main/README.md").status_code == 200
        for path in (
            f"/{repo}/resolve/main/emoji-sd/model.safetensors",
            "/api/models/far/other",
            "/api/models/far/third",
        ):
            response = httpx.get(mirror.address + path)
            assert response.status_code == 502
            assert "does not respond" in response.json()["error"] or "cannot be reached" in response.json()["error"]


def test_a_gated_repository_is_refused_as_gated(make_repo, author, reader):
    repo = make_repo()
    author.update_repo_settings(repo, gated="auto")
    assert reader.model_info(repo).gated == "auto"
    with pytest.raises(GatedRepoError):
        reader.hf_hub_download(repo, "README.md")


def test_a_private_repository_needs_an_upstream_token_and_a_local_account(make_repo, origin, origin_hub, hub, tmp_path):
    repo = make_repo(private=True)
    with mirroring(hub, origin.address) as mirror, pytest.raises(RepositoryNotFoundError):
        HfApi(endpoint=mirror.address, token=False).model_info(repo)
    with mirroring(hub, origin.address, tokens(origin_hub, "far")) as mirror:
        with pytest.raises(RepositoryNotFoundError):
            HfApi(endpoint=mirror.address, token=False).model_info(repo)
        api = HfApi(endpoint=mirror.address, token=tokens(hub, "near"))
        found = api.hf_hub_download(repo, "emoji-sd/model.safetensors", cache_dir=tmp_path)
        assert Path(found).read_bytes() == WEIGHTS
        narrow = hub.tokens.create(hub.accounts.get("near"), "read", ROOT, artifact="near/other")
        for token in (False, narrow):
            with pytest.raises(RepositoryNotFoundError):
                HfApi(endpoint=mirror.address, token=token).model_info(repo)
        assert hub.registry.find(Query(text=repo.partition("/")[2], readers=())).total == 0


def test_names_of_local_owners_are_not_requested_upstream(make_repo, reader, hub):
    repo = make_repo()
    hub.accounts.add("far", ROOT)
    with pytest.raises(RepositoryNotFoundError):
        reader.model_info(repo)


def test_a_mirrored_repository_is_read_only(make_repo, reader, mirror, hub):
    repo = make_repo()
    reader.model_info(repo)
    api = HfApi(endpoint=mirror.address, token=tokens(hub, "near"))
    with pytest.raises(HfHubHTTPError, match="mirrored from"):
        api.upload_file(path_or_fileobj=b"mine", path_in_repo="a.txt", repo_id=repo)
    clone = httpx.get(f"{mirror.address}/{repo}/info/refs?service=git-upload-pack")
    assert clone.status_code == 501
    assert "mirrored from" in clone.text


def test_mirrored_blobs_are_not_garbage_until_the_mirror_is_deleted(make_repo, reader, mirror, hub, tmp_path):
    repo = make_repo()
    sha = Path(snapshot_download(repo, endpoint=mirror.address, cache_dir=tmp_path, token=False)).name
    settled(hub)
    weights = hashlib.sha256(WEIGHTS).hexdigest()
    assert weights in {digest.hex for digest in hub.registry.referenced_blobs()}
    hub.accounts.add("root", ROOT, is_admin=True)
    HfApi(endpoint=mirror.address, token=tokens(hub, "root")).delete_repo(repo)
    assert weights not in {digest.hex for digest in hub.registry.referenced_blobs()}
    with pytest.raises(RepositoryNotFoundError):
        reader.model_info(repo)  # Deleted by an administrator, so it is not fetched again.
    remove_tombstone(hub.registry.database, ArtifactName.parse(repo, ""), ROOT)
    assert reader.model_info(repo, revision=sha).sha == sha


def test_readers_get_bytes_before_the_download_is_complete(make_repo, mirror, monkeypatch):
    repo = make_repo()
    goes_on = threading.Event()
    real = UpstreamClient._chunks

    def halting(self, response):
        chunks = real(self, response)
        yield next(chunks)
        assert goes_on.wait(20)
        yield from chunks

    httpx.get(f"{mirror.address}/api/models/{repo}")
    monkeypatch.setattr(UpstreamClient, "_chunks", halting)
    with httpx.stream("GET", f"{mirror.address}/{repo}/resolve/main/emoji-sd/model.safetensors") as response:
        parts = response.iter_bytes()
        received = next(parts)
        assert WEIGHTS.startswith(received)
        goes_on.set()
        received += b"".join(parts)
    assert received == WEIGHTS


@pytest.mark.slow
def test_the_command_mirrors_with_several_workers_without_revealing_the_token(
    make_repo, origin, origin_hub, hub, tmp_path
):
    repo, secret = make_repo(gated="manual"), tokens(origin_hub, "far")
    environment = os.environ | {
        "HUB_HOME": str(hub.home.folder),
        "HUB_CARDS": str(hub.home.cards),
        "HUB_MIRROR_TOKEN": secret,
        "PYTHONUNBUFFERED": "1",
    }
    token = tokens(hub, "near")
    command = [sys.executable, "-c", SERVE, "--port", "0", "--workers", "2", "--mirror", origin.address]
    with (
        (tmp_path / "log").open("w+") as log,
        running(command, is_asked=True, env=environment, stdout=log, stderr=log),
    ):
        address = announced(tmp_path / "log")
        path = hf_hub_download(
            repo, "emoji-sd/model.safetensors", endpoint=address, cache_dir=tmp_path / "cache", token=token
        )
    assert Path(path).read_bytes() == WEIGHTS
    assert secret not in (tmp_path / "log").read_text()


SERVE = "import sys; from hub.cli.commands import as_command; from server.cli import serve; as_command('serve', serve).main(sys.argv[1:])"


def announced(log: Path) -> str:
    """Return the address that a server has printed."""
    for _ in range(3000):
        if found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text()):
            return found[0]
        time.sleep(0.01)
    raise AssertionError(log.read_text())
