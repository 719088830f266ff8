"""A quota counts uploads, committed or not, and is checked before anything is stored."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.commit import create
from hub.publish.new_repository import attributes_of_new
from server import create_app
from server.protocol.transfer import lfs
from tests.builders.hub import a_hub
from tests.builders.server.people import ROOT

REPO = "ada/full"
QUOTA = len(attributes_of_new(is_dataset=False)) + 1000
"""1000 bytes more than the file of a new repository."""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LocalHub]:
    """Yield a hub where ada has 1000 bytes left of her quota."""
    with a_hub(tmp_path) as opened:
        opened.accounts.add("ada", ROOT)
        opened.accounts.set_quota("ada", QUOTA, ROOT)
        create(ArtifactName("ada", "full"), opened.registry, opened.store, ROOT)
        yield opened


@pytest.fixture
def client(hub: LocalHub) -> Iterator[TestClient]:
    secret = hub.tokens.create(hub.accounts.get("ada"), "write", ROOT)
    with TestClient(create_app(hub), headers={"Authorization": f"Bearer {secret}"}) as client:
        yield client


def plan(client: TestClient, *contents: bytes, transfers: tuple[str, ...] = ("basic",)) -> list[dict]:
    objects = [{"oid": hashlib.sha256(each).hexdigest(), "size": len(each)} for each in contents]
    body = {"operation": "upload", "transfers": transfers, "objects": objects}
    return client.post(f"/{REPO}.git/info/lfs/objects/batch", json=body).json()["objects"]


def put(client: TestClient, link: str, content: bytes) -> int:
    return client.put(link.removeprefix("http://testserver"), content=content).status_code


def link(planned: dict) -> str:
    return planned["actions"]["upload"]["href"]


def commit(client: TestClient, *lines: dict) -> int:
    every = [{"key": "header", "value": {"summary": "x"}}, *lines]
    return client.post(f"/api/models/{REPO}/commit/main", content="\n".join(map(json.dumps, every))).status_code


def uploaded(path: str, content: bytes) -> dict:
    return {"key": "lfsFile", "value": {"path": path, "oid": hashlib.sha256(content).hexdigest()}}


def inline(path: str, content: bytes) -> dict:
    return {"key": "file", "value": {"path": path, "content": base64.b64encode(content).decode()}}


def test_links_that_were_granted_together_cannot_exceed_the_quota_together(client, hub):
    first, second = b"a" * 600, b"b" * 600
    links = [link(each) for each in plan(client, first, second)]
    assert put(client, links[0], first) == 200
    before = set(hub.store.digests())
    assert put(client, links[1], second) == 507
    assert set(hub.store.digests()) == before
    assert put(client, links[0], first) == 200  # A client that lost the response repeats it.
    assert plan(client, second)[0]["error"]["code"] == 507
    assert commit(client, uploaded("a.txt", first)) == 200
    assert plan(client, second)[0]["error"]["code"] == 507
    assert put(client, link(plan(client, b"c" * 400)[0]), b"c" * 400) == 200


def test_parts_count_and_an_assembled_object_does_not_count_twice(client, hub, monkeypatch):
    monkeypatch.setattr(lfs, "PART_BYTES", 300)
    content = bytes(range(225)) * 4
    [planned] = plan(client, content, transfers=("basic", "multipart"))
    upload = planned["actions"]["upload"]
    parts = []
    for number in (1, 2, 3):
        piece = content[300 * (number - 1) : 300 * number]
        assert put(client, upload["header"][str(number)], piece) == 200
        parts.append({"partNumber": number, "etag": hashlib.sha256(piece).hexdigest()})
    assert put(client, upload["header"]["3"], b"d" * 300) == 507
    [again] = plan(client, content, transfers=("basic", "multipart"))
    assert "error" not in again
    body = {"oid": hashlib.sha256(content).hexdigest(), "parts": parts}
    assert client.post(link(again).removeprefix("http://testserver"), json=body).status_code == 200
    assert commit(client, uploaded("a.txt", content)) == 200
    assert commit(client, inline("b.txt", b"b" * 100)) == 200
    assert commit(client, inline("c.txt", b"c")) == 507


def test_a_commit_over_the_quota_stores_nothing(client, hub):
    before = set(hub.store.digests())
    assert commit(client, inline("a.txt", b"a" * 600), inline("b.txt", b"b" * 600)) == 507
    assert set(hub.store.digests()) == before
    assert commit(client, inline("a.txt", b"a" * 600), inline("b.txt", b"a" * 600)) == 200


def test_xorbs_count_before_they_are_received(client, hub):
    granted = client.get(f"/api/models/{REPO}/xet-write-token/main").json()
    address = granted["casUrl"].removeprefix("http://testserver")
    headers = {"Authorization": f"Bearer {granted['accessToken']}"}
    response = client.post(f"{address}/v1/xorbs/default/{'a' * 64}", content=b"x" * 1001, headers=headers)
    assert response.status_code == 413
    assert f"has a quota of {QUOTA} bytes" in response.json()["error"]
    response = client.post(f"{address}/v1/xorbs/default/{'a' * 64}", content=b"x" * 1000, headers=headers)
    assert response.status_code == 400  # Not a xorb.
