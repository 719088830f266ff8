"""A faulty or malicious upstream: clients get an error in one line, and nothing is stored."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from huggingface_hub import snapshot_download

from hub.errors import InvalidRequest, InvalidUpstreamResponse
from hub.git_objects import blob_id
from hub.names import ArtifactName
from server.parts import network_guard
from server.parts.mirror import fetch
from server.parts.mirror import upstream as upstream_client
from server.parts.mirror.mirrored_repositories import origin_of_name
from server.parts.mirror.redirects import checked_addresses
from server.parts.mirror.upstream import UpstreamClient
from tests.builders.server.mirrors import mirroring, settled
from tests.builders.server.network_addresses import INSIDE, OUTSIDE, resolving

SHA = "c" * 40
CARD = b"---\nlicense: mit\n---\n# Hello\n"
WEIGHTS = bytes(range(256)) * 12_000
"""3 MB: streamed before its digest is verified."""
NAME = "far/upstream"
XET = {"X-Xet-Hash": "d" * 64, "Link": '<https://cas.example/xet-read-token>; rel="xet-auth"'}


class FaultyUpstream(ThreadingHTTPServer):
    """A hub with one repository, whose responses a test can change."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ChangedResponses)
        self.address = f"http://127.0.0.1:{self.server_address[1]}"
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.overrides: dict[str, Callable[[ChangedResponses], None]] = {}
        self.description: dict[str, object] = {
            "id": NAME,
            "sha": SHA,
            "xetEnabled": True,
            "tags": ["x"],
            "siblings": [
                {"rfilename": "README.md", "size": len(CARD), "blobId": blob_id(CARD)},
                {
                    "rfilename": "model.safetensors",
                    "size": len(WEIGHTS),
                    "blobId": "b" * 40,
                    "xetHash": "d" * 64,
                    "lfs": {"sha256": hashlib.sha256(WEIGHTS).hexdigest(), "size": len(WEIGHTS), "pointerSize": 132},
                },
            ],
        }


class ChangedResponses(BaseHTTPRequestHandler):
    server: FaultyUpstream

    def do_GET(self) -> None:
        self.server.requests.append((self.path, dict(self.headers)))
        path = self.path.partition("?")[0]
        for part, override in self.server.overrides.items():
            if part in path:
                override(self)
                return
        if path.startswith("/api/models/"):
            self.respond(json.dumps(self.server.description).encode())
        else:
            self.respond(CARD if path.endswith("README.md") else WEIGHTS, XET)

    def respond(
        self, body: bytes, headers: dict[str, str] | None = None, status: int = 200, size: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if size is None else size))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def upstream() -> Iterator[FaultyUpstream]:
    with FaultyUpstream() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def address(hub, upstream) -> Iterator[str]:
    with mirroring(hub, upstream.address, "secret-token") as running:
        yield running.address


def error_of(address: str, status: int = 502) -> str:
    """Return the one-line error of a URL."""
    response = httpx.get(address)
    assert response.status_code == status, response.text
    message = response.json()["error"]
    assert "\n" not in message
    assert "secret-token" not in message
    return message


def assert_nothing_stored(hub, *contents: bytes) -> None:
    settled(hub)
    kept = {digest.hex for digest in hub.store.digests()}
    assert not kept & {hashlib.sha256(each).hexdigest() for each in contents}
    assert hub.store.unfinished() == []


def test_a_valid_upstream_is_mirrored_without_xet(address, upstream, tmp_path):
    info = httpx.get(f"{address}/api/models/{NAME}?blobs=true")
    assert "xet" not in info.text.lower()
    for method in ("HEAD", "GET"):
        response = httpx.request(method, f"{address}/{NAME}/resolve/{SHA}/model.safetensors")
        assert not [name for name in response.headers if "xet" in name or name == "link"]
    found = Path(snapshot_download(NAME, endpoint=address, cache_dir=tmp_path, token=False))
    assert (found / "model.safetensors").read_bytes() == WEIGHTS
    assert (found / "README.md").read_bytes() == CARD
    assert found.name == SHA
    assert (found / "README.md").resolve().name == blob_id(
        CARD
    )  # Files stored in git upstream are also found by their git id.
    assert {headers.get("Authorization") for _, headers in upstream.requests} == {"Bearer secret-token"}


@pytest.mark.parametrize(
    "bytes_sent", [WEIGHTS[:-1] + b"!", WEIGHTS[: 1 << 20], WEIGHTS + b"more"], ids=["other", "fewer", "more"]
)
def test_a_large_file_with_wrong_content_is_never_sent_completely(address, hub, upstream, tmp_path, bytes_sent):
    upstream.overrides["model.safetensors"] = lambda response: response.respond(bytes_sent)
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{address}/{NAME}/resolve/main/model.safetensors")
    assert_nothing_stored(hub, bytes_sent, WEIGHTS)
    upstream.overrides.clear()
    assert httpx.get(f"{address}/{NAME}/resolve/main/model.safetensors").content == WEIGHTS


def test_an_internal_error_ends_the_download_for_all_readers(address, hub, upstream, monkeypatch):
    def broken(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(fetch, "save_blob", broken)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    assert httpx.get(f"{address}/{NAME}/resolve/main/README.md").status_code == 502
    settled(hub)


def test_a_small_file_with_wrong_content_is_refused_in_one_line(address, hub, upstream):
    upstream.overrides["README.md"] = lambda response: response.respond(b"x" * len(CARD))
    assert "but the upstream lists" in error_of(f"{address}/{NAME}/resolve/main/README.md")
    assert_nothing_stored(hub, b"x" * len(CARD), CARD)


def test_an_interrupted_download_stores_nothing_and_can_be_repeated(address, hub, upstream):
    upstream.overrides["model.safetensors"] = lambda response: response.respond(WEIGHTS[: 2 << 20], size=len(WEIGHTS))
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{address}/{NAME}/resolve/main/model.safetensors")
    assert_nothing_stored(hub, WEIGHTS[: 2 << 20])


def test_a_redirect_to_a_private_address_is_not_followed(address, hub, upstream):
    with FaultyUpstream() as inside:
        threading.Thread(target=inside.serve_forever, args=(0.01,), daemon=True).start()
        for target in (
            inside.address,
            "http://169.254.169.254/latest",
            "http://[::1]:80/x",
            "file:///etc/passwd",
        ):
            upstream.overrides["model.safetensors"] = lambda response, to=target: response.respond(
                b"", {"Location": to}, 302
            )
            message = error_of(f"{address}/{NAME}/resolve/main/model.safetensors")
            assert "not public" in message or "not an HTTP URL" in message, target
        assert inside.requests == []
        inside.shutdown()
    assert_nothing_stored(hub, WEIGHTS)


def test_a_redirect_within_the_upstream_is_followed_a_limited_number_of_times(address, upstream):
    upstream.overrides["README.md"] = lambda response: response.respond(b"", {"Location": response.path}, 307)
    assert "redirected more than" in error_of(f"{address}/{NAME}/resolve/main/README.md")
    upstream.overrides[f"resolve/{SHA}/model"] = lambda response: response.respond(b"", {"Location": "/elsewhere"}, 307)
    assert httpx.get(f"{address}/{NAME}/resolve/main/model.safetensors").content == WEIGHTS


def test_a_redirect_is_followed_to_the_checked_address_without_the_token(monkeypatch, hub, upstream):
    requests = []
    genuine = socket.getaddrinfo

    def resolve(host, *rest, **more):
        if host != "cdn.example":
            return genuine(host, *rest, **more)
        requests.append(host)
        return genuine("127.0.0.1" if len(requests) == 1 else "127.0.0.9", *rest, **more)

    with FaultyUpstream() as other:
        threading.Thread(target=other.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setattr(network_guard, "is_public", lambda _: True)  # No test can reach a public address.
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        port = other.server_address[1]
        upstream.overrides["model.safetensors"] = lambda response: response.respond(
            b"", {"Location": f"http://cdn.example:{port}/w"}, 302
        )
        with mirroring(hub, upstream.address, "secret-token") as running:
            assert httpx.get(f"{running.address}/{NAME}/resolve/main/model.safetensors").content == WEIGHTS
        [(_, headers)] = other.requests
        assert headers["Host"] == f"cdn.example:{port}"
        assert "Authorization" not in headers
        assert requests == ["cdn.example"]
        other.shutdown()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sha": "main"}, "returned no commit id"),
        ({"siblings": [{"rfilename": "../x", "size": 1, "blobId": "a" * 40}]}, "not a path inside a repository"),
        ({"siblings": [{"rfilename": "x"}]}, "missing or invalid"),
        ({"siblings": [{"rfilename": "x", "size": -1, "blobId": "a" * 40}]}, "missing or invalid"),
        ({"siblings": None}, "missing or invalid"),
    ],
)
def test_an_invalid_description_is_refused(address, hub, upstream, change, message):
    upstream.description |= change
    assert message in error_of(f"{address}/api/models/{NAME}")
    assert origin_of_name(hub.registry.database, ArtifactName.parse(NAME, "")) is None


def test_the_upstream_must_return_the_requested_commit(address):
    assert f"returned commit {SHA[:12]}" in error_of(f"{address}/api/models/{NAME}/revision/{'e' * 40}")


def test_invalid_json_is_refused(address, upstream):
    upstream.overrides["/api/"] = lambda response: response.respond(b"<html>a captive portal</html>")
    assert "invalid JSON" in error_of(f"{address}/api/models/{NAME}")


def test_an_upstream_timeout_returns_504_and_pauses_requests(address, upstream, monkeypatch):
    monkeypatch.setattr(upstream_client, "READ_S", 0.2)
    upstream.overrides["/api/"] = lambda response: time.sleep(1)
    assert "in time" in error_of(f"{address}/api/models/{NAME}", 504)
    requests = len(upstream.requests)
    assert "does not respond" in error_of(f"{address}/api/models/{NAME}")
    assert len(upstream.requests) == requests


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_upstream_error_returns_502(address, upstream, status):
    upstream.overrides["/api/"] = lambda response: response.respond(b"", status=status)
    assert f"returned HTTP {status}" in error_of(f"{address}/api/models/{NAME}")


@pytest.mark.parametrize(
    "address", ["huggingface.co", "https://me:secret@hub.example", "ftp://hub.example", "https://"]
)
def test_an_invalid_mirror_url_is_refused_at_startup(address):
    with pytest.raises(InvalidRequest, match="--mirror"):
        UpstreamClient(address)


def test_only_the_upstream_itself_can_have_a_private_address():
    assert checked_addresses("http://10.0.0.5:8000/x", "http://10.0.0.5:8000") == []
    for private in ("http://10.0.0.5:9000", "http://127.1", "http://[::ffff:10.0.0.5]"):
        with pytest.raises(InvalidUpstreamResponse):
            checked_addresses(private, "http://10.0.0.5:8000")


@pytest.mark.parametrize("address", INSIDE)
def test_internal_addresses_are_refused_in_every_notation(address, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", resolving("93.184.216.34", address))
    with pytest.raises(InvalidUpstreamResponse, match="not public"):
        checked_addresses("https://cdn.example/x", "https://hub.example")


@pytest.mark.parametrize("address", OUTSIDE)
def test_public_addresses_are_allowed(address, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", resolving(address))
    assert checked_addresses("https://cdn.example/x", "https://hub.example") == [address]
