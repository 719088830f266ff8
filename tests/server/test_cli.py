"""`hub serve` and its log."""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

import server.cli
from hub.errors import HubError, InvalidRequest, MissingExtra
from tests.builders.processes import running
from tests.builders.server.published import client, hub

__all__ = ["client", "hub"]

RUN = [
    sys.executable,
    "-c",
    "import sys; from hub.cli.commands import as_command; from server.cli import serve; as_command('serve', serve).main(sys.argv[1:])",
]


def environment_of(home: Path) -> dict[str, str]:
    """Return the environment of a server with a new home, and without the curated cards: to index them takes seconds."""
    return os.environ | {"HUB_HOME": str(home), "HUB_CARDS": str(home / "cards"), "PYTHONUNBUFFERED": "1"}


IN_BACKGROUND = ["sh", "-c", 'trap "" INT; exec "$@" <&-', "sh"]
"""Starts a command as shells start background jobs, with SIGINT ignored, and with standard input closed."""


@contextmanager
def serving(home: Path, *options: str, stderr: int = subprocess.DEVNULL) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start `hub serve` in the background, and yield the process and the address that it prints."""
    command = [*IN_BACKGROUND, *RUN, "--port", "0", *options]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": stderr, "text": True}
    with running(command, env=environment_of(home), **pipes) as process:
        assert process.stdout is not None
        address = re.search(r"http://127\.0\.0\.1:\d+", line := process.stdout.readline())
        assert address, line
        yield process, address[0]


def stop(process: subprocess.Popen[str], number: int) -> tuple[str, str]:
    """Send a signal, wait until the process ends, and return the rest of its output and its log."""
    process.send_signal(number)
    return process.communicate(timeout=20)


@pytest.mark.slow
def test_the_announced_server_answers_logs_no_secrets_and_stops_on_either_signal(tmp_path: Path):
    with serving(tmp_path, stderr=subprocess.PIPE) as (process, address):
        assert httpx.get(f"{address}/login", timeout=0.5).status_code == 200, "the first request does not wait"
        headers = {"Authorization": "Bearer hf_secret"}
        assert httpx.get(f"{address}/api/v1/search?text=hidden-token", headers=headers).status_code == 401
        assert process.stdout is not None
        secret = process.stdout.readline().split()[-1]
        answer = httpx.get(f"{address}/api/whoami-v2", headers={"Authorization": f"Bearer {secret}"})
        assert answer.json()["name"] == "admin"
        _, log = stop(process, signal.SIGINT)
    assert "GET /api/v1/search 401" in log
    assert not [each for each in ("hidden-token", "hf_secret", secret, "Traceback") if each in log]
    with serving(tmp_path) as (process, address):
        assert httpx.get(f"{address}/login", timeout=0.5).status_code == 200
        assert stop(process, signal.SIGTERM)[0] == "", "the administrator is created once"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "status", "number"),
    [([], 200, signal.SIGINT), (["--no-try"], 404, signal.SIGTERM)],
    ids=["by default", "--no-try"],
)
def test_two_processes_answer_generate_images_unless_that_is_left_out_and_stop(
    tmp_path: Path, options: list[str], status: int, number: int
):
    with serving(tmp_path, "--workers", "2", *options) as (process, address):
        assert httpx.get(f"{address}/login", timeout=5).status_code == 200
        page = httpx.get(f"{address}/try", timeout=30)
        assert (page.status_code, "Generate</button>" in page.text) == (status, status == 200)
        assert "<code>hub serve</code>" not in page.text, "the processes know where the queue is"
        stop(process, number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_that_is_still_starting_can_be_stopped_in_the_background(tmp_path: Path, number: int):
    slow = "import time, server.cli; server.cli.listen = lambda *_: print('starting', flush=True) or time.sleep(60); "
    command = [*IN_BACKGROUND, RUN[0], "-c", slow + "import sys; from hub.cli import main; sys.exit(main(['serve']))"]
    environment = environment_of(tmp_path)
    with running(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "starting\n"
        process.send_signal(number)
        assert "Traceback" not in process.communicate(timeout=20)[1]
        assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: -signal.SIGTERM}[number]


def test_a_port_in_use_is_reported_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(HubError, match=rf"cannot listen on 127\.0\.0\.1 port {port}: .*in use") as caught:
            server.cli.serve(port=port)
    assert caught.value.exit_code == 1


def test_a_host_that_does_not_exist_is_refused():
    with pytest.raises(InvalidRequest, match="is not an address of this machine"):
        server.cli.serve(host="no such host")


def test_without_the_extra_the_command_names_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "server.processes", raising=False)
    with pytest.raises(MissingExtra, match=r"linguahub\[serve\]"):
        server.cli.serve()


def test_the_command_can_be_listed_without_the_extra():
    script = "import sys; sys.modules['fastapi'] = sys.modules['uvicorn'] = None; import server.cli"
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=300).returncode == 0


def test_the_access_log_leaves_out_query_strings_and_tokens(client: TestClient, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO, logger="server.access"):
        client.get("/api/v1/search?text=hidden-token", headers={"Authorization": "Bearer hf_secret"})
    [record] = [each for each in caplog.records if each.name == "server.access"]
    line = record.getMessage()
    assert "/api/v1/search 401" in line
    assert "hidden-token" not in line
    assert "hf_secret" not in line


def test_a_response_body_does_not_wait_for_the_acknowledgement_of_its_headers():
    """Headers and body are two packets. asyncio only sets TCP_NODELAY if the protocol of the listener is TCP."""
    with closing(server.cli.listen("127.0.0.1", 0)) as listener:
        assert listener.proto == socket.IPPROTO_TCP
