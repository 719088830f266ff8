"""The setups in docs/operate/deploy.md work as written: nginx, several workers, PostgreSQL, a bucket, and unmodified clients."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import HfApi, constants
from huggingface_hub.utils import disable_progress_bars
from safetensors.numpy import save

from benchmarks.serving import Serving, serving
from hub.cli.commands import as_command
from server.cli import serve
from tests.builders import postgres
from tests.operate import nginx

pytestmark = [
    pytest.mark.skipif(nginx.PROGRAM is None, reason=nginx.ABSENT),
    pytest.mark.skipif(sys.platform != "linux", reason="reads processes from /proc"),
    pytest.mark.filterwarnings(
        "ignore:Use 'content=:DeprecationWarning"
    ),  # huggingface_hub sends file objects this way.
]
WEIGHTS = save({"weight": np.random.default_rng(7).standard_normal(700_000, dtype=np.float32)})


class Team:
    """A server behind nginx, and helpers to send requests to it."""

    def __init__(self, server: Serving, address: str, home: Path) -> None:
        disable_progress_bars()
        self.server, self.address, self.home = server, address, home
        self.api = HfApi(endpoint=address, token=server.secret)

    def get(self, path: str, **headers: str) -> tuple[int, bytes, dict[str, str]]:
        """Return status, body and lower-case headers; follow redirects."""
        request = urllib.request.Request(f"{self.address}/{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read(), {name.lower(): value for name, value in answer.headers.items()}
        except urllib.error.HTTPError as error:
            return error.code, error.read(), {name.lower(): value for name, value in error.headers.items()}

    def logged(self, path: str, count: int) -> str:
        """Return the server's log once it has `count` lines about a path: a line is written after the response."""
        for _ in range(300):
            log = (self.home / "server.log").read_text()
            if log.count(f" GET {path} ") >= count:
                return log
            time.sleep(0.1)
        raise AssertionError(log)


@pytest.fixture(scope="module")
def on_a_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """Yield a single-machine setup: `registry.db`, the folder store, blobs sent by nginx."""
    home = tmp_path_factory.mktemp("disk")
    with ExitStack() as stack:
        server = stack.enter_context(serving(home, "--proxy", "127.0.0.1", HUB_ACCEL="/-/blobs/"))
        address = stack.enter_context(nginx.nginx_before(server.address, home / "store" / "blobs"))
        team = Team(server, address, home)
        team.api.create_repo("admin/module")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(constants, "HF_HUB_DISABLE_XET", True)
            team.api.upload_file(path_or_fileobj=WEIGHTS, path_in_repo="model.safetensors", repo_id="admin/module")
        yield team


@pytest.fixture
def on_many(tmp_path: Path, cluster: str, bucket: str) -> Iterator[Team]:
    """Yield a setup of two workers that share PostgreSQL and a bucket."""
    variables = {"DATABASE_URL": postgres.a_database(cluster), "STORE_URL": bucket}
    with ExitStack() as stack:
        server = stack.enter_context(serving(tmp_path, "--proxy", "127.0.0.1", "--workers", "2", **variables))
        yield Team(server, stack.enter_context(nginx.nginx_before(server.address, tmp_path)), tmp_path)


def test_nginx_sends_complete_blobs_and_ranges_with_the_servers_headers(on_a_disk: Team):
    path = "admin/module/resolve/main/model.safetensors"
    status, body, headers = on_a_disk.get(path)
    assert (status, body) == (200, WEIGHTS)
    commit = on_a_disk.api.model_info("admin/module").sha
    asked = urllib.request.Request(f"{on_a_disk.address}/{path}", method="HEAD")
    with urllib.request.urlopen(asked) as answer:
        kept = ("ETag", "X-Linked-Etag", "X-Linked-Size", "Content-Security-Policy", "Content-Type", "Cache-Control")
        assert {name: answer.headers[name] for name in kept} == {name: headers[name.lower()] for name in kept}
    assert headers["x-repo-commit"] == commit
    assert headers["x-content-type-options"] == "nosniff"
    status, body, headers = on_a_disk.get(path, Range="bytes=1000-1999")
    assert (status, body) == (206, WEIGHTS[1000:2000])
    assert headers["content-range"] == f"bytes 1000-1999/{len(WEIGHTS)}"
    assert on_a_disk.get(path, **{"If-None-Match": headers["etag"]})[0] == 304
    assert f"GET /{path} 200 0 B" in on_a_disk.logged(f"/{path}", 3), "the server must not send the blob itself"


def test_the_server_sends_files_that_came_by_xet_itself(on_a_disk: Team):
    content = WEIGHTS[:8] + bytes(reversed(WEIGHTS[8:]))
    on_a_disk.api.upload_file(path_or_fileobj=content, path_in_repo="composed.bin", repo_id="admin/module")
    assert list((on_a_disk.home / "store" / "composed").glob("??/*"))
    path = "admin/module/resolve/main/composed.bin"
    assert on_a_disk.get(path)[:2] == (200, content)
    assert on_a_disk.get(path, Range="bytes=1000-1999")[:2] == (206, content[1000:2000])


def test_blobs_cannot_be_fetched_around_the_server(on_a_disk: Team):
    [blob] = [each for each in (on_a_disk.home / "store" / "blobs").glob("??/*") if each.stat().st_size == len(WEIGHTS)]
    assert on_a_disk.get(f"-/blobs/{blob.parent.name}/{blob.name}")[0] == 404


def test_a_private_file_is_sent_only_to_its_readers(on_a_disk: Team):
    on_a_disk.api.create_repo("admin/closed", private=True)
    on_a_disk.api.upload_file(path_or_fileobj=WEIGHTS, path_in_repo="model.safetensors", repo_id="admin/closed")
    path = "admin/closed/resolve/main/model.safetensors"
    assert on_a_disk.get(path)[0] == 404
    assert on_a_disk.get(path, Authorization=f"Bearer {on_a_disk.server.secret}")[1] == WEIGHTS


def test_the_client_address_is_taken_from_the_proxy(on_a_disk: Team):
    on_a_disk.get("api/v1/search?q=through", **{"X-Forwarded-For": "203.0.113.9"})
    assert "203.0.113.9" not in on_a_disk.logged("/api/v1/search", 1), "nginx must replace addresses that clients claim"
    headers = {"X-Forwarded-For": "203.0.113.7"}
    with urllib.request.urlopen(urllib.request.Request(f"{on_a_disk.server.address}/api/v1/search", headers=headers)):
        assert "203.0.113.7 GET" in on_a_disk.logged("/api/v1/search", 2)


def test_a_team_on_postgresql_and_a_bucket_works_through_nginx_with_unmodified_clients(on_many: Team, tmp_path: Path):
    api = on_many.api
    api.create_repo("admin/module")
    api.upload_file(path_or_fileobj=WEIGHTS, path_in_repo="model.safetensors", repo_id="admin/module")
    found = Path(api.hf_hub_download("admin/module", "model.safetensors", cache_dir=tmp_path / "cache"))
    assert found.read_bytes() == WEIGHTS

    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "more.safetensors").write_bytes(save({"weight": np.arange(600_000, dtype=np.float32)}))
    environment = os.environ | {
        "HF_ENDPOINT": on_many.address,
        "HF_TOKEN": on_many.server.secret,
        "HF_HOME": str(tmp_path / "hf"),
    }
    hf = Path(sys.executable).with_name("hf")
    for words in (
        ["upload", "admin/module", str(folder)],
        ["download", "admin/module", "--local-dir", str(tmp_path / "copy")],
    ):
        subprocess.run([hf, *words], check=True, env=environment, capture_output=True, timeout=300)
    assert (tmp_path / "copy" / "more.safetensors").read_bytes() == (folder / "more.safetensors").read_bytes()
    assert (tmp_path / "copy" / "model.safetensors").read_bytes() == WEIGHTS
    assert [each.id for each in api.list_models(author="admin")] == ["admin/module"]
    assert on_many.get("api/v1/health/ready")[0] == 200
    assert "Traceback" not in (tmp_path / "server.log").read_text()


def test_the_systemd_unit_uses_options_that_the_server_has():
    [line] = [each for each in nginx.printed("ini").splitlines() if each.startswith("ExecStart=")]
    program, command, *options = shlex.split(line.removeprefix("ExecStart="))
    assert (Path(program).name, command) == ("hub", "serve")
    as_command("serve", serve).make_context("serve", options)
