"""A real nginx with the configuration that docs/operate/deploy.md prints, on a free port."""

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

DOCUMENT = ROOT / "docs" / "operate" / "deploy.md"
PROGRAM = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
ABSENT = "there is no nginx here: apt-get install nginx-light"
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
"""What Debian's own nginx.conf has around a site, with every file in one folder."""


def printed(language: str) -> str:
    """The one block of code in a language that the document prints."""
    [block] = re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return str(block)


def exchanged(text: str, *changes: tuple[str, str]) -> str:
    """The text with each first part replaced; it must be there, or the document says something else than the test believes."""
    for old, new in changes:
        assert old in text, f"docs/operate/deploy.md no longer says `{old}`"
        text = text.replace(old, new)
    return text


@contextmanager
def nginx_before(server: str, blobs: Path) -> Iterator[str]:
    """The address of an nginx that passes on to the server at `server` and finds its blobs in a folder."""
    assert PROGRAM is not None
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    site = exchanged(
        printed("nginx"),
        ("127.0.0.1:8000", server.removeprefix("http://")),
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        ("hub.example.org", "localhost"),
        ("/var/lib/linguahub/store/blobs/", f"{blobs}/"),
    )
    user = "user root;" if os.geteuid() == 0 else ""
    with tempfile.TemporaryDirectory(prefix="nginx-") as folder:
        configuration = Path(folder, "nginx.conf")
        configuration.write_text(AROUND.format(user=user, folder=folder, printed=site))
        with subprocess.Popen(
            [PROGRAM, "-e", "stderr", "-c", str(configuration)], stderr=subprocess.PIPE, text=True
        ) as running:
            try:
                _wait(running, port)
                yield f"http://127.0.0.1:{port}"
            finally:
                running.terminate()


def _wait(running: subprocess.Popen[str], port: int) -> None:
    for _ in range(300):
        assert running.poll() is None, running.stderr and running.stderr.read()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("nginx does not answer")
