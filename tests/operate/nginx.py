"""Run a real nginx with the configuration from docs/operate/deploy.md on a free port."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.builders import ROOT
from tests.builders.processes import running

DOCUMENT = ROOT / "docs" / "operate" / "deploy.md"
PROGRAM = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
ABSENT = "nginx is not installed: apt-get install nginx-light"
AROUND = """
daemon off;
{user}
pid {folder}/pid;
error_log stderr;
events {{ }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/answers;
    fastcgi_temp_path {folder}/unused;
    uwsgi_temp_path {folder}/unused;
    scgi_temp_path {folder}/unused;
{printed}
}}
"""
"""The rest of Debian's nginx.conf around a site, with every file in one folder."""


def printed(language: str) -> str:
    """Return the document's only code block in a language."""
    [block] = re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return str(block)


def replace_parts(text: str, *changes: tuple[str, str]) -> str:
    """Replace the first string of each pair by the second. Fails if the document no longer contains it."""
    for old, new in changes:
        assert old in text, f"docs/operate/deploy.md no longer says `{old}`"
        text = text.replace(old, new)
    return text


def free_port() -> int:
    """Return a port that no process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def nginx_before(server: str, blobs: Path) -> Iterator[str]:
    """Yield the address of an nginx that forwards to `server` and serves its blobs from a folder."""
    port = free_port()
    site = replace_parts(
        printed("nginx"),
        ("127.0.0.1:8000", server.removeprefix("http://")),
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        ("hub.example.org", "localhost"),
        ("/var/lib/linguahub/store/blobs/", f"{blobs}/"),
    )
    with nginx_with(site, port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def nginx_with(site: str, port: int) -> Iterator[None]:
    """Run an nginx with the configuration of a site that listens on `port`."""
    assert PROGRAM is not None
    user = "user root;" if os.geteuid() == 0 else ""
    with tempfile.TemporaryDirectory(prefix="nginx-") as folder:
        configuration = Path(folder, "nginx.conf")
        configuration.write_text(AROUND.format(user=user, folder=folder, printed=site))
        command = [PROGRAM, "-e", "stderr", "-c", str(configuration)]
        with running(command, is_asked=True, stderr=subprocess.PIPE, text=True) as server:
            _wait(server, port)
            yield


def _wait(server: subprocess.Popen[str], port: int) -> None:
    for _ in range(300):
        assert server.poll() is None, server.stderr and server.stderr.read()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("nginx does not respond")
