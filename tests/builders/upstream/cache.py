"""Write cards of upstream artifacts, and repositories in Hugging Face's cache."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

COMMIT = "c0ffee" + 34 * "0"
CLOSED = "http://127.0.0.1:9"


def write(folder: Path, kind: str, repository: str, file: str, **ours: Any) -> None:
    upstream = [{"repository": repository, "file": file}]
    card = {
        "language": "en",
        "license": "mit",
        "linguahub": {"kind": kind, "summary": "Far.", "upstream": upstream, **ours},
    }
    folder.mkdir(parents=True)
    (folder / "README.md").write_text(f"---\n{json.dumps(card)}\n---\n\nFar.\n")


def seed(cache: Path, repository: str, content: Path, at: str = "") -> Path:
    """Put `content` into Hugging Face's cache as the head of a repository."""
    root = cache / f"models--{repository.replace('/', '--')}"
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text(COMMIT)
    shutil.copytree(content, root / "snapshots" / COMMIT / at)
    return root / "snapshots" / COMMIT / at


@pytest.fixture
def gated(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Yield the address of a hub that requires accepting terms first."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(403)
            self.send_header("X-Error-Code", "GatedRepo")
            self.send_header("X-Error-Message", "Access to model org/sd is restricted.")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, format: str, *arguments: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", address)
    monkeypatch.setattr(
        "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}"
    )
    yield address
    server.shutdown()
    server.server_close()
    thread.join(60)
