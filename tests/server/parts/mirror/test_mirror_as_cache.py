"""A mirror as a cache: its size, what it may fetch, fetching in advance, and one fetch for all processes of a machine."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest

from hub.cli import main
from hub.errors import InvalidRequest, UpstreamDown
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.plugins import resolve
from hub.publish.publish import publish
from server.parts.mirror import mirrored_repositories
from server.parts.mirror.mirror import LOW_WATER, Mirror
from server.parts.mirror.mirrored_repositories import MirroredRepository, blob_of, stored_bytes
from server.parts.mirror.part import MirrorPart
from server.parts.mirror.settings import MirrorSettings, configured_mirror
from server.parts.mirror.upstream import UpstreamClient
from tests.builders.artifacts import a_folder
from tests.builders.server.mirrors import WEIGHTS, mirroring, settled

SIZE = 1 << 20
"""Bytes of a file that tests evict."""


@pytest.fixture
def upstream(origin):
    client = UpstreamClient(origin.address)
    yield client
    client.close()


@pytest.fixture
def files(author) -> str:
    """Return an upstream repository with the files a, b, c and d of SIZE bytes."""
    author.create_repo("far/files", exist_ok=True)
    if not author.file_exists("far/files", "d.bin"):
        for name in "abcd":
            author.upload_file(path_or_fileobj=os.urandom(SIZE), path_in_repo=f"{name}.bin", repo_id="far/files")
    return "far/files"


def repository(name: str) -> MirroredRepository:
    owner, _, bare = name.rpartition("/")
    return MirroredRepository("models", ArtifactName(owner, bare))


def fetch(mirror: Mirror, name: str, *paths: str) -> None:
    repo = repository(name)
    commit, _ = mirror.commit(repo, "main")
    for path in paths:
        mirror.fetch(repo, commit, mirror.file(commit, path))
        settled(mirror.hub)


def stored(mirror: Mirror, name: str) -> str:
    """Return the letters of the files that are stored, in order."""
    commit, _ = mirror.commit(repository(name), "main")
    found = {each.path: blob_of(mirror.hub.registry.database, each.etag) for each in commit.files}
    for path, digest in found.items():
        assert digest is None or digest in mirror.hub.store, f"{path} is listed as stored"
    return "".join(path[0] for path, digest in found.items() if digest and path.endswith(".bin"))


def test_files_that_were_not_requested_for_longest_are_deleted_beyond_the_size(files, hub, upstream, monkeypatch):
    monkeypatch.setattr(mirrored_repositories, "USE_INTERVAL", mirrored_repositories.USE_INTERVAL * 0)
    mirror = Mirror(hub, upstream, MirrorSettings(max_bytes=int(3.5 * SIZE)))
    fetch(mirror, files, "a.bin", "b.bin", "c.bin")
    assert stored(mirror, files) == "abc"
    commit, _ = mirror.commit(repository(files), "main")
    evicted = blob_of(hub.registry.database, mirror.file(commit, "b.bin").etag)
    fetch(mirror, files, "a.bin")  # It is stored; now b was not requested for longest.
    fetch(mirror, files, "d.bin")
    assert stored(mirror, files) == "acd"
    assert evicted not in hub.store, "the bytes are deleted at once"
    assert stored_bytes(hub.registry.database) <= LOW_WATER * 3.5 * SIZE
    fetch(mirror, files, "b.bin")
    assert "b" in stored(mirror, files), "it is fetched again"


def test_waiting_for_a_file_includes_the_deletion_of_others_for_it(files, hub, upstream, monkeypatch):
    """Then the hub may be closed, which crashes a thread that uses the registry."""
    mirror = Mirror(hub, upstream)
    fetches, had_ended = mirror._fetches, list[bool]()
    monkeypatch.setattr(
        fetches, "_when_stored", lambda file: had_ended.append(fetches._running[file.etag]._ended.is_set())
    )
    repo = repository(files)
    commit, _ = mirror.commit(repo, "main")
    mirror.fetch(repo, commit, mirror.file(commit, "a.bin"))
    assert had_ended == [False]


def test_a_file_larger_than_the_size_replaces_all_others(files, make_repo, hub, upstream):
    mirror = Mirror(hub, upstream, MirrorSettings(max_bytes=SIZE))
    fetch(mirror, files, "a.bin")
    fetch(mirror, make_repo(), "emoji-sd/model.safetensors")
    assert stored(mirror, files) == ""
    assert stored_bytes(hub.registry.database) >= len(WEIGHTS) > SIZE


def test_bytes_that_a_published_file_needs_are_kept(files, make_repo, hub, upstream, tmp_path):
    mirror = Mirror(hub, upstream, MirrorSettings(max_bytes=SIZE))
    fetch(mirror, make_repo(), "emoji-sd/model.safetensors")
    folder = a_folder(tmp_path / "ours")
    (folder / "emoji-sd" / "model.safetensors").write_bytes(WEIGHTS)
    publish(folder, ArtifactName("near", "ours"), hub.registry, hub.store)
    fetch(mirror, files, "a.bin")
    assert stored_bytes(hub.registry.database) == SIZE, "the mirror has forgotten it"
    assert (hub.snapshot("near/ours") / "emoji-sd" / "model.safetensors").read_bytes() == WEIGHTS


@pytest.mark.parametrize(
    ("allowed", "denied", "names"),
    [
        ((), (), ["far/a", "far/b-private", "near/a"]),
        (("far/*",), (), ["far/a", "far/b-private"]),
        (("far/*",), ("*/*-private",), ["far/a"]),
        ((), ("FAR/*",), ["near/a"]),
    ],
)
def test_patterns_decide_what_can_be_fetched(allowed, denied, names):
    environment = {"HUB_MIRROR_ALLOW": ",".join(allowed), "HUB_MIRROR_DENY": ", ".join(denied)}
    settings = configured_mirror(environment)
    candidates = ["far/a", "far/b-private", "near/a"]
    assert [each for each in candidates if settings.allows(repository(each))] == names
    data = MirroredRepository("datasets", ArtifactName("far", "a", is_dataset=True))
    assert settings.allows(data) == (not allowed), "patterns of models do not match data sets"
    assert configured_mirror({"HUB_MIRROR_ALLOW": "datasets/far/*"}).allows(data)


def test_a_repository_that_is_not_allowed_is_unknown_and_a_stored_one_is_served(
    files, make_repo, hub, upstream, origin
):
    other = make_repo()
    with mirroring(hub, origin.address, settings=MirrorSettings(denied=("far/files",))) as mirror:
        assert httpx.get(f"{mirror.address}/api/models/{files}").status_code == 404
        assert httpx.get(f"{mirror.address}/api/models/{other}").status_code == 200
    fetch(Mirror(hub, upstream), files, "a.bin")
    with mirroring(hub, origin.address, settings=MirrorSettings(denied=("far/files",))) as mirror:
        address = f"{mirror.address}/{files}/resolve/main"
        assert len(httpx.get(f"{address}/a.bin").content) == SIZE
        missing = httpx.get(f"{address}/b.bin")
        assert missing.status_code == 502
        assert "settings do not allow" in missing.json()["error"]


@pytest.mark.parametrize(
    "environment",
    [
        {"HUB_MIRROR_ALLOW": "far"},
        {"HUB_MIRROR_DENY": "a/b/c/d"},
        {"HUB_MIRROR_SIZE": "many"},
        {"HUB_MIRROR_SIZE": "-1G"},
    ],
)
def test_invalid_settings_are_refused(environment):
    [name] = environment
    with pytest.raises(InvalidRequest, match=name):
        configured_mirror(environment)


def test_sizes_have_units():
    assert configured_mirror({"HUB_MIRROR_SIZE": "500G"}).max_bytes == 500 * 10**9
    assert configured_mirror({}).max_bytes is None


def test_offline_no_request_is_sent_to_the_upstream(files, hub, origin, monkeypatch):
    monkeypatch.setenv("HUB_MIRROR", origin.address)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    part = MirrorPart()
    part.configure()
    assert part._upstream is None


def test_repositories_are_fetched_in_advance(files, make_repo, hub, upstream, tmp_path, monkeypatch, capsys):
    other = make_repo()
    monkeypatch.setenv("HUB_HOME", str(hub.home.folder))
    monkeypatch.setenv("HUB_CARDS", str(hub.home.cards))
    listed = tmp_path / "list.txt"
    listed.write_text(f"# models\n{files}\n\nfar/nothing\n")
    command = ["admin", "mirror", "prefetch", other, "--list", str(listed), "--mirror", upstream.address]
    assert main(command) == 1
    said = capsys.readouterr()
    assert f"{files}: 5 files, " in said.out and f"{other}: " in said.out
    assert "far/nothing: " in said.err and "1 of 3 repositories could not be fetched" in said.err
    with LocalHub.open(hub.home) as opened:
        offline = Mirror(opened)
        assert stored(offline, files) == "abcd"
        assert resolve("server.parts.mirror.commands:fetch_all")(offline, files) == (5, 0)
    assert main(command) == 1
    assert f"{files}: 5 files, 0 B fetched" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "no repository is named"),
        (["far/files"], "no hub is named"),
        (["--list", "missing.txt", "--mirror", "http://127.0.0.1:9"], "cannot read `missing.txt`"),
    ],
)
def test_a_command_without_names_or_a_hub_is_refused(words, message, monkeypatch, capsys):
    monkeypatch.delenv("HUB_MIRROR", raising=False)
    assert main(["admin", "mirror", "prefetch", *words]) == 2
    assert message in capsys.readouterr().err


def test_two_processes_fetch_a_file_once(make_repo, origin, hub, monkeypatch):
    """Two servers with one home stand for two workers: they share nothing but files and the registry."""
    repo, opened, may_go_on = make_repo(), [], threading.Event()
    real = UpstreamClient.open

    def slow(self, repo, commit_id, file):
        opened.append(file.path)
        source = real(self, repo, commit_id, file)
        if not file.is_large:
            return source
        return _Slow(source, may_go_on)

    monkeypatch.setattr(UpstreamClient, "open", slow)
    with ExitStack() as stack:
        other = stack.enter_context(LocalHub.open(hub.home))
        servers = [stack.enter_context(mirroring(each, origin.address)) for each in (hub, other)]
        for server in servers:
            assert httpx.get(f"{server.address}/api/models/{repo}").status_code == 200
        addresses = [f"{each.address}/{repo}/resolve/main/emoji-sd/model.safetensors" for each in servers]
        with ThreadPoolExecutor(4) as pool:
            answers = [pool.submit(httpx.get, each, timeout=60) for each in addresses * 2]
            time.sleep(0.5)
            may_go_on.set()
            assert [each.result().content for each in answers] == [WEIGHTS] * 4
        settled(hub)
    assert opened.count("emoji-sd/model.safetensors") == 1
    assert not list((hub.home.folder / "mirror").iterdir())


class _Slow:
    """A download that waits in its middle."""

    def __init__(self, source, may_go_on: threading.Event) -> None:
        self.source, self.may_go_on = source, may_go_on

    def __enter__(self):
        return self._chunks(self.source.__enter__())

    def _chunks(self, chunks):
        for number, chunk in enumerate(chunks):
            yield chunk
            if number == 0:
                assert self.may_go_on.wait(60)

    def __exit__(self, *error):
        return self.source.__exit__(*error)


def test_a_process_that_copies_a_failed_download_sends_no_complete_file(make_repo, origin, hub, monkeypatch):
    repo, may_go_on = make_repo(), threading.Event()
    real = UpstreamClient.open

    def failing(self, repo, commit_id, file):
        source = real(self, repo, commit_id, file)
        return _Failing(source, may_go_on) if file.is_large else source

    monkeypatch.setattr(UpstreamClient, "open", failing)
    with ExitStack() as stack:
        other = stack.enter_context(LocalHub.open(hub.home))
        servers = [stack.enter_context(mirroring(each, origin.address)) for each in (hub, other)]
        for server in servers:
            assert httpx.get(f"{server.address}/api/models/{repo}").status_code == 200
        addresses = [f"{each.address}/{repo}/resolve/main/emoji-sd/model.safetensors" for each in servers]
        with ThreadPoolExecutor(2) as pool:
            answers = [pool.submit(httpx.get, each, timeout=60) for each in addresses]
            time.sleep(0.5)
            may_go_on.set()
            for each in answers:
                with pytest.raises(httpx.RemoteProtocolError):
                    each.result()
        settled(hub)


class _Failing(_Slow):
    def _chunks(self, chunks):
        yield next(iter(chunks))
        assert self.may_go_on.wait(60)
        raise UpstreamDown("the upstream has closed the connection.")
