"""An upstream that lies, breaks off or leads astray: one line for the client, nothing kept."""

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
from hub.names import ArtifactName
from server.parts import network_guard
from server.parts.mirror import fetch
from server.parts.mirror import upstream as asking
from server.parts.mirror.mirrored_repositories import origin_of_name
from server.parts.mirror.redirects import addresses_of
from server.parts.mirror.upstream import UpstreamClient
from server.protocol.read.git_objects import blob_id
from tests.builders.server.mirrors import mirroring, settled
from tests.builders.server.network_addresses import INSIDE, OUTSIDE, resolving

SHA = "c" * 40
CARD = b"---\nlicense: mit\n---\n# Hello\n"
WEIGHTS = bytes(range(256)) * 12_000
"""3 MB: streamed, and not checked before the answer begins."""
NAME = "far/liar"
XET = {"X-Xet-Hash": "d" * 64, "Link": '<https://cas.example/xet-read-token>; rel="xet-auth"'}


class Liar(ThreadingHTTPServer):
    """A hub with one repository, whose answers a test may bend."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.address = f"http://127.0.0.1:{self.server_address[1]}"
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.bent: dict[str, Callable[[Answers], None]] = {}
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


class Answers(BaseHTTPRequestHandler):
    server: Liar

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        path = self.path.partition("?")[0]
        for part, bent in self.server.bent.items():
            if part in path:
                bent(self)
                return
        if path.startswith("/api/models/"):
            self.give(json.dumps(self.server.description).encode())
        else:
            self.give(CARD if path.endswith("README.md") else WEIGHTS, XET)

    def give(
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
def liar() -> Iterator[Liar]:
    with Liar() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def address(hub, liar) -> Iterator[str]:
    with mirroring(hub, liar.address, "secret-token") as running:
        yield running.address


def refusal(address: str, status: int = 502) -> str:
    """The one line that an address answers with."""
    answer = httpx.get(address)
    assert answer.status_code == status, answer.text
    message = answer.json()["error"]
    assert "\n" not in message
    assert "secret-token" not in message
    return message


def nothing_kept(hub, *contents: bytes) -> None:
    settled(hub)
    kept = {digest.hex for digest in hub.store.digests()}
    assert not kept & {hashlib.sha256(each).hexdigest() for each in contents}
    assert hub.store.unfinished() == []


def test_an_honest_one_is_served_without_anything_of_xet(address, liar, tmp_path):
    info = httpx.get(f"{address}/api/models/{NAME}?blobs=true")
    assert "xet" not in info.text.lower()
    for method in ("HEAD", "GET"):
        answer = httpx.request(method, f"{address}/{NAME}/resolve/{SHA}/model.safetensors")
        assert not [name for name in answer.headers if "xet" in name or name == "link"]
    found = Path(snapshot_download(NAME, endpoint=address, cache_dir=tmp_path, token=False))
    assert (found / "model.safetensors").read_bytes() == WEIGHTS
    assert (found / "README.md").read_bytes() == CARD
    assert found.name == SHA
    assert (found / "README.md").resolve().name == blob_id(
        CARD
    )  # What git holds upstream is known here by git's id, too.
    assert {headers.get("Authorization") for _, headers in liar.asked} == {"Bearer secret-token"}


@pytest.mark.parametrize(
    "bytes_sent", [WEIGHTS[:-1] + b"!", WEIGHTS[: 1 << 20], WEIGHTS + b"more"], ids=["other", "fewer", "more"]
)
def test_a_large_file_with_wrong_bytes_never_arrives_whole(address, hub, liar, tmp_path, bytes_sent):
    liar.bent["model.safetensors"] = lambda answer: answer.give(bytes_sent)
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{address}/{NAME}/resolve/main/model.safetensors")
    nothing_kept(hub, bytes_sent, WEIGHTS)
    liar.bent.clear()
    assert httpx.get(f"{address}/{NAME}/resolve/main/model.safetensors").content == WEIGHTS


def test_a_fault_of_our_own_ends_the_fetch_for_everybody_who_waits(address, hub, liar, monkeypatch):
    def broken(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(fetch, "save_blob", broken)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    assert httpx.get(f"{address}/{NAME}/resolve/main/README.md").status_code == 502
    settled(hub)


def test_a_small_file_with_wrong_bytes_is_refused_in_one_line(address, hub, liar):
    liar.bent["README.md"] = lambda answer: answer.give(b"x" * len(CARD))
    assert "but the upstream lists" in refusal(f"{address}/{NAME}/resolve/main/README.md")
    nothing_kept(hub, b"x" * len(CARD), CARD)


def test_a_connection_that_is_cut_leaves_nothing_and_the_next_try_is_whole(address, hub, liar):
    liar.bent["model.safetensors"] = lambda answer: answer.give(WEIGHTS[: 2 << 20], size=len(WEIGHTS))
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{address}/{NAME}/resolve/main/model.safetensors")
    nothing_kept(hub, WEIGHTS[: 2 << 20])


def test_a_redirect_to_a_private_address_is_not_followed(address, hub, liar):
    with Liar() as inside:
        threading.Thread(target=inside.serve_forever, args=(0.01,), daemon=True).start()
        for target in (
            inside.address,
            "http://169.254.169.254/latest",
            "http://[::1]:80/x",
            "file:///etc/passwd",
        ):
            liar.bent["model.safetensors"] = lambda answer, to=target: answer.give(b"", {"Location": to}, 302)
            message = refusal(f"{address}/{NAME}/resolve/main/model.safetensors")
            assert "not public" in message or "not an HTTP URL" in message, target
        assert inside.asked == []
        inside.shutdown()
    nothing_kept(hub, WEIGHTS)


def test_a_redirect_within_the_upstream_is_followed_but_not_for_ever(address, liar):
    liar.bent["README.md"] = lambda answer: answer.give(b"", {"Location": answer.path}, 307)
    assert "redirected more than" in refusal(f"{address}/{NAME}/resolve/main/README.md")
    liar.bent[f"resolve/{SHA}/model"] = lambda answer: answer.give(b"", {"Location": "/elsewhere"}, 307)
    assert httpx.get(f"{address}/{NAME}/resolve/main/model.safetensors").content == WEIGHTS


def test_a_redirect_is_followed_without_the_token_to_the_address_that_was_checked(monkeypatch, hub, liar):
    asked = []
    genuine = socket.getaddrinfo

    def resolve(host, *rest, **more):
        if host != "cdn.example":
            return genuine(host, *rest, **more)
        asked.append(host)
        return genuine("127.0.0.1" if len(asked) == 1 else "127.0.0.9", *rest, **more)

    with Liar() as other:
        threading.Thread(target=other.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setattr(network_guard, "is_public", lambda _: True)  # No test can reach a public address.
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        port = other.server_address[1]
        liar.bent["model.safetensors"] = lambda answer: answer.give(
            b"", {"Location": f"http://cdn.example:{port}/w"}, 302
        )
        with mirroring(hub, liar.address, "secret-token") as running:
            assert httpx.get(f"{running.address}/{NAME}/resolve/main/model.safetensors").content == WEIGHTS
        [(_, headers)] = other.asked
        assert headers["Host"] == f"cdn.example:{port}"
        assert "Authorization" not in headers
        assert asked == ["cdn.example"]
        other.shutdown()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"sha": "main"}, "returned no commit id"),
        ({"siblings": [{"rfilename": "../x", "size": 1, "blobId": "a" * 40}]}, "not a path inside a repository"),
        ({"siblings": [{"rfilename": "x"}]}, "missing or invalid"),
        ({"siblings": [{"rfilename": "x", "size": -1, "blobId": "a" * 40}]}, "missing or invalid"),
        ({"siblings": None}, "missing or invalid"),
    ],
)
def test_a_description_that_cannot_be_is_refused(address, hub, liar, change, told):
    liar.description |= change
    assert told in refusal(f"{address}/api/models/{NAME}")
    assert origin_of_name(hub.registry.database, ArtifactName.parse(NAME, "")) is None


def test_a_pinned_commit_must_be_the_one_that_was_asked_for(address):
    assert f"gave {SHA[:12]}" in refusal(f"{address}/api/models/{NAME}/revision/{'e' * 40}")


def test_what_is_no_json_is_refused(address, liar):
    liar.bent["/api/"] = lambda answer: answer.give(b"<html>a captive portal</html>")
    assert "invalid JSON" in refusal(f"{address}/api/models/{NAME}")


def test_an_upstream_that_takes_too_long_is_a_504_and_is_left_alone_for_a_while(address, liar, monkeypatch):
    monkeypatch.setattr(asking, "READ_S", 0.2)
    liar.bent["/api/"] = lambda answer: time.sleep(1)
    assert "in time" in refusal(f"{address}/api/models/{NAME}", 504)
    asked = len(liar.asked)
    assert "does not respond" in refusal(f"{address}/api/models/{NAME}")
    assert len(liar.asked) == asked


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_upstream_in_trouble_is_a_502_that_says_so(address, liar, status):
    liar.bent["/api/"] = lambda answer: answer.give(b"", status=status)
    assert f"returned HTTP {status}" in refusal(f"{address}/api/models/{NAME}")


@pytest.mark.parametrize(
    "address", ["huggingface.co", "https://me:secret@hub.example", "ftp://hub.example", "https://"]
)
def test_what_is_no_hubs_address_is_refused_at_the_start(address):
    with pytest.raises(InvalidRequest, match="--mirror"):
        UpstreamClient(address)


def test_the_upstream_itself_may_be_anywhere_and_a_private_neighbour_may_not():
    assert addresses_of("http://10.0.0.5:8000/x", "http://10.0.0.5:8000") == []
    for private in ("http://10.0.0.5:9000", "http://127.1", "http://[::ffff:10.0.0.5]"):
        with pytest.raises(InvalidUpstreamResponse):
            addresses_of(private, "http://10.0.0.5:8000")


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_out_of_reach_through_every_disguise(address, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", resolving("93.184.216.34", address))
    with pytest.raises(InvalidUpstreamResponse, match="not public"):
        addresses_of("https://cdn.example/x", "https://hub.example")


@pytest.mark.parametrize("address", OUTSIDE)
def test_an_address_of_the_internet_is_within_reach(address, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", resolving(address))
    assert addresses_of("https://cdn.example/x", "https://hub.example") == [address]
