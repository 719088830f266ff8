"""`hub serve` and its log."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import closing
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


def find_url(line: str) -> re.Match[str] | None:
    return re.search(r"http://127\.0\.0\.1:\d+", line)


@pytest.mark.slow
def test_the_server_prints_its_address_responds_and_stops_on_interrupt(tmp_path: Path):
    environment = environment_of(tmp_path)
    command = [*RUN, "--port", "0"]
    with running(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        address = find_url(line)
        assert address, line
        request = urllib.request.Request(
            f"{address[0]}/api/v1/search?text=hidden-token", headers={"Authorization": "Bearer hf_secret"}
        )
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(request)
        secret = process.stdout.readline().split()[-1]
        request = urllib.request.Request(f"{address[0]}/api/whoami-v2", headers={"Authorization": f"Bearer {secret}"})
        with urllib.request.urlopen(request) as response:
            assert json.load(response)["name"] == "admin"
        process.send_signal(signal.SIGINT)
        _, log = process.communicate(timeout=20)
    assert "GET /api/v1/search 401" in log
    assert "hidden-token" not in log
    assert "hf_secret" not in log
    assert secret not in log
    assert "Traceback" not in log
    with running(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        assert find_url(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=20)[0] == "", "the administrator is created once"


IGNORING = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]
"""Starts a command as shells start background jobs: with SIGINT ignored."""


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_announced_server_answers_and_stops_also_in_the_background(tmp_path: Path, workers: int, number: int):
    environment = environment_of(tmp_path)
    command = [*IGNORING, *RUN, "--port", "0", "--workers", str(workers)]
    options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with running(command, env=environment, **options) as process:
        assert process.stdout is not None
        address = find_url(process.stdout.readline())
        assert address
        with urllib.request.urlopen(f"{address[0]}/login", timeout=0.5 if workers == 1 else 5):
            pass
        process.send_signal(number)
        process.communicate(timeout=20)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_that_is_still_starting_can_be_stopped_in_the_background(tmp_path: Path, number: int):
    slow = "import time, server.cli; server.cli.listen = lambda *_: print('starting', flush=True) or time.sleep(60); "
    command = [*IGNORING, RUN[0], "-c", slow + "import sys; from hub.cli import main; sys.exit(main(['serve']))"]
    environment = environment_of(tmp_path)
    with running(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "starting\n"
        process.send_signal(number)
        assert "Traceback" not in process.communicate(timeout=20)[1]
        assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: -signal.SIGTERM}[number]


def test_a_server_starts_with_standard_input_closed(tmp_path: Path):
    environment = environment_of(tmp_path)
    command = ["sh", "-c", 'exec "$@" <&-', "sh", *RUN, "--port", "0", "--workers", "2"]
    with running(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        address = find_url(process.stdout.readline())
        assert address
        with urllib.request.urlopen(f"{address[0]}/login", timeout=5):
            pass
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


@pytest.mark.slow
@pytest.mark.parametrize(("option", "status"), [([], 200), (["--no-try"], 404)], ids=["by default", "--no-try"])
def test_the_page_that_generates_images_can_be_left_out(tmp_path: Path, option: list[str], status: int):
    environment = environment_of(tmp_path)
    command = [*RUN, "--port", "0", "--workers", "2", *option]
    with running(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        address = find_url(process.stdout.readline())
        assert address
        page = httpx.get(f"{address[0]}/try", timeout=30)
        assert (page.status_code, "Generate</button>" in page.text) == (status, status == 200)
        assert "<code>hub serve</code>" not in page.text, "the processes know where the queue is"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


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
