"""On a full disk every kind of upload fails with a one-line error, leaves no partial files, and succeeds once there is space."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError
from safetensors.numpy import save

from hub.home import Home
from hub.local import LocalHub
from hub.maintenance.verify import verify
from hub.registry.accounts.permissions import Actor
from tests.builders.serving import serving

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system")
ROOM_MB = 6


class Disk:
    """A file system of a few megabytes in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={ROOM_MB}m", "tmpfs", str(folder)],
            capture_output=True,
            text=True,
            timeout=300,
        )
        if mounted.returncode:
            pytest.skip(f"this machine does not allow mounting a file system: {mounted.stderr.strip()}")

    def grow(self) -> None:
        subprocess.run(["mount", "-o", "remount,size=200m", str(self.folder)], check=True, timeout=300)

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True, timeout=300)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path / "disk")
    yield disk
    disk.unmount()


@pytest.fixture
def hub(disk: Disk) -> Iterator[LocalHub]:
    with LocalHub.open(Home(disk.folder / "registry.db", disk.folder, disk.folder / "cards")) as hub:
        hub.accounts.add("ada", Actor("root"))
        yield hub


@pytest.fixture
def api(hub: LocalHub) -> Iterator[HfApi]:
    with serving(hub) as address:
        token = hub.tokens.create(hub.accounts.get("ada"), "write", Actor("root"))
        yield HfApi(endpoint=address, token=token)


def weights(megabytes: int, seed: int = 0) -> bytes:
    return save({"weight": np.random.default_rng(seed).normal(size=megabytes << 18).astype(np.float32)})


@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # huggingface_hub sends file objects this way.
@pytest.mark.parametrize("way", ["xet", "lfs"])
def test_an_upload_that_cannot_fit_is_refused_before_it_is_sent_and_succeeds_when_there_is_room(way, api, hub, disk):
    repo = api.create_repo("ada/large").repo_id
    content = weights(2 * ROOM_MB)

    def send() -> None:
        source = content if way == "xet" else io.BytesIO(content)
        api.create_commit(repo, [CommitOperationAdd("model.safetensors", source)], commit_message="Add weights")

    with pytest.raises(HfHubHTTPError, match="the server's disk is full: nothing was stored"):
        send()
    assert [file.path for file in hub.registry.revision(repo).files] == [".gitattributes"]
    disk.grow()
    send()
    assert Path(api.hf_hub_download(repo, "model.safetensors", cache_dir=disk.folder / "cache")).read_bytes() == content


def test_a_transfer_that_finds_the_disk_full_midway_leaves_nothing_behind(api, hub, disk):
    repo = api.create_repo("ada/half").repo_id
    content = weights(2 * ROOM_MB)
    wanted = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content)}
    with httpx.Client(headers={"Authorization": f"Bearer {api.token}"}) as client:
        planned = client.post(
            f"{api.endpoint}/{repo}.git/info/lfs/objects/batch",
            json={"operation": "upload", "transfers": ["basic"], "objects": [wanted]},
        ).json()
        answer = client.put(planned["objects"][0]["actions"]["upload"]["href"], content=content)
        assert (answer.status_code, answer.json()["error"][:26]) == (507, "the server's disk is full:")
        assert hub.store.unfinished() == []
        assert [each.text for each in verify(hub.registry, hub.store) if each.is_fault] == []
        assert api.model_info(repo).id == repo, "the server goes on"
        disk.grow()
        assert client.put(planned["objects"][0]["actions"]["upload"]["href"], content=content).status_code == 200


def test_a_commit_that_finds_no_room_for_its_row_changes_nothing(api, hub, disk):
    repo = api.create_repo("ada/small").repo_id
    before = api.model_info(repo).sha
    filler = disk.folder / "filler"
    with (
        filler.open("wb", buffering=0) as file,
        contextlib.suppress(OSError),
    ):  # A write with too little space left is cut short.
        while file.write(bytes(1 << 14)):
            pass
    with pytest.raises(Exception, match="the server's disk is full: nothing was stored"):
        api.upload_file(path_or_fileobj=b"words " * 2000, path_in_repo="notes.txt", repo_id=repo)
    assert api.model_info(repo).sha == before

    filler.unlink()
    api.upload_file(path_or_fileobj=b"words " * 2000, path_in_repo="notes.txt", repo_id=repo)
    assert [each.text for each in verify(hub.registry, hub.store) if each.is_fault] == []
