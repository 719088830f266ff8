"""Serve files from this machine as huggingface.co does."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

COMMIT = "c0ffee" + 34 * "0"


@dataclass
class TinyHub:
    """A small hub. `files` maps `owner/name/path` to bytes; `announced` overrides the digest in the ETag."""

    files: dict[str, bytes] = field(default_factory=dict)
    announced: dict[str, str] = field(default_factory=dict)
    broken_after: int | None = None
    """Number of bytes after which the connection is closed, once."""
    ranges: list[str] = field(default_factory=list)
    """`Range` headers of the requests."""
    address: str = ""


def _about(hub: TinyHub, path: str) -> object:
    """Return the description of a repository: its files as a list or as a tree."""
    repository = "/".join(path.split("?", maxsplit=1)[0].split("/")[3:5])
    sizes = {
        key.removeprefix(f"{repository}/"): len(content)
        for key, content in hub.files.items()
        if key.startswith(f"{repository}/")
    }
    if "/tree/" in path:
        return [{"type": "file", "path": name, "size": size, "oid": 40 * "0"} for name, size in sizes.items()]
    return {"id": repository, "sha": COMMIT, "siblings": [{"rfilename": name} for name in sizes]}


@pytest.fixture
def tiny_hub() -> Iterator[TinyHub]:
    hub = TinyHub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # It delays each body by 40 ms.

        def do_HEAD(self) -> None:
            self.answer(with_body=False)

        def do_GET(self) -> None:
            self.answer(with_body=True)

        def answer(self, *, with_body: bool) -> None:
            if self.path.startswith("/api/models/"):
                self.send_json(_about(hub, self.path))
                return
            repository, _, rest = self.path.split("?")[0].lstrip("/").partition("/resolve/")
            key = f"{repository}/{rest.partition('/')[2]}"
            content = hub.files.get(key)
            if content is None:
                code = (
                    "EntryNotFound" if any(each.startswith(f"{repository}/") for each in hub.files) else "RepoNotFound"
                )
                self.send_response(404)
                self.send_header("X-Error-Code", code)
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            first = 0
            if with_body and (asked := self.headers.get("Range")):
                hub.ranges.append(asked)
                first = int(asked.removeprefix("bytes=").partition("-")[0])
            self.send_response(206 if first else 200)
            self.send_header("ETag", f'"{hub.announced.get(key, hashlib.sha256(content).hexdigest())}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(content) - first))
            if first:
                self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
            self.end_headers()
            if with_body and hub.broken_after is not None:
                self.wfile.write(content[first : hub.broken_after])
                hub.broken_after = None
                self.close_connection = True
            elif with_body:
                self.wfile.write(content[first:])

        def send_json(self, value: object) -> None:
            content = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            """Log nothing: tests read what they need from `TinyHub`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield hub
    server.shutdown()
    server.server_close()
    thread.join(60)
