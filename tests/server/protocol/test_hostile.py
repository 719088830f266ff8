"""Malicious uploads are refused with the reason, and nothing is stored."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import random

import lz4.frame
import pytest
from starlette.testclient import TestClient

from hub.errors import InvalidSource
from hub.local import LocalHub
from hub.registry.accounts.accounts import Accounts
from hub.registry.accounts.permissions import Actor
from hub.xet.hashes import chunk_hash, hash_to_hex, merkle_root
from hub.xet.xorb import read_xorb, unpack
from tests.builders.xet import head, shard, xorb

CONTENT = b"chunk of some bytes " * 500


class Cas:
    """A client of the content-addressed store for one account."""

    def __init__(self, client: TestClient, token: str, repo: str) -> None:
        headers = {"authorization": f"Bearer {token}"}
        response = client.get(f"/api/models/{repo}/xet-write-token/main", headers=headers).json()
        self.client, self.at = client, response["casUrl"].removeprefix("http://testserver")
        self.headers = {"authorization": f"Bearer {response['accessToken']}"}

    def send_xorb(self, name: str, content: bytes) -> int:
        return self.client.post(f"{self.at}/v1/xorbs/default/{name}", content=content, headers=self.headers).status_code

    def send_shard(self, content: bytes):
        return self.client.post(f"{self.at}/v1/shards", content=content, headers=self.headers)


@pytest.fixture
def cas(client, token_of, repo) -> Cas:
    return Cas(client, token_of("ada"), repo)


def test_a_valid_upload_is_stored(cas, hub: LocalHub):
    name, sent = xorb(CONTENT, b"end")
    assert cas.send_xorb(name, sent) == 200
    assert cas.send_shard(shard(name, CONTENT, b"end")).json() == {"result": 1}
    from hub.names import Digest

    assert Digest(hashlib.sha256(CONTENT + b"end").hexdigest()) in hub.store


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"", "has the hash"),
        (head(5, 0, 5) + b"12345", "has the hash"),
        (head(5, 0, 5) + b"123", "invalid sizes"),
        (head(5, 0, 6) + b"12345", "instead of 6"),
        (head(5, 7, 5) + b"12345", "scheme 7"),
        (head(5, 0, 5, version=3) + b"12345", "newer version"),
        (head(0, 0, 0), "invalid sizes"),
        (head(3, 1, 100) + b"\x04\x22\x4d", "instead of 100"),
        (head(9, 1, 100) + b"not a frm", "not a valid LZ4 frame"),
        (head(5, 0, (128 << 10) + 1) + b"12345", "invalid sizes"),
    ],
)
def test_an_invalid_xorb_is_refused(sent, reason):
    with pytest.raises(InvalidSource, match=reason):
        list(read_xorb(io.BytesIO(sent), "0" * 64))


def test_an_lz4_bomb_is_refused():
    bomb = lz4.frame.compress(bytes(1 << 30))
    bomb = bomb[: 128 << 10]
    with pytest.raises(InvalidSource, match="unpacks to"):
        list(read_xorb(io.BytesIO(head(len(bomb), 1, 128 << 10) + bomb), "0" * 64))


def test_grouped_and_packed_chunks_are_read():
    content = bytes(range(256)) * 41 + b"odd"
    grouped = b"".join(content[place::4] for place in range(4))
    packed = lz4.frame.compress(grouped)
    name = hash_to_hex(merkle_root([(chunk_hash(content), len(content))]))
    [(chunk, kept)] = read_xorb(io.BytesIO(head(len(packed), 2, len(content)) + packed), name)
    assert (chunk.size, unpack(chunk, kept)) == (len(content), content)


def test_a_stored_xorb_has_at_most_twice_the_uploaded_size():
    thin, thick = bytes(100_000), random.Random(0).randbytes(100_000)
    packed = [lz4.frame.compress(each) for each in (thin, thick)]
    name = hash_to_hex(merkle_root([(chunk_hash(each), len(each)) for each in (thin, thick)]))
    sent = b"".join(head(len(each), 1, 100_000) + each for each in packed)
    chunks, kept = zip(*read_xorb(io.BytesIO(sent), name), strict=True)
    assert [chunk.is_plain for chunk in chunks] == [False, True]
    assert len(b"".join(kept)) <= 2 * len(sent)
    assert [unpack(*each) for each in zip(chunks, kept, strict=True)] == [thin, thick]


def test_a_shard_with_false_claims_is_refused(cas):
    name, sent = xorb(CONTENT)
    assert cas.send_xorb("1" * 64, sent) == 400
    assert cas.send_xorb("..%2f", sent) == 400
    assert cas.send_xorb(name, sent) == 200
    for wrong in (
        shard(name, CONTENT, sha256="2" * 64),
        shard(name, CONTENT, proof=b"\1" * 32),
        shard(name, CONTENT, size=7),
        shard(name, CONTENT, b"more"),
        shard("3" * 64, CONTENT),
        shard(name, CONTENT)[:-60],
        b"HFRepoMetaData\0",
        b"",
    ):
        response = cas.send_shard(wrong)
        assert response.status_code == 400, response.text
        assert response.json()["error"]


def test_a_shard_can_only_use_xorbs_of_the_same_account(client, token_of, api, bobs):
    ada = Cas(client, token_of("ada"), api.create_repo("ada/xorbs").repo_id)
    bob = Cas(client, token_of("bob"), bobs.create_repo("bob/xorbs").repo_id)
    name, sent = xorb(b"only ada has sent this")
    assert ada.send_xorb(name, sent) == 200
    assert bob.send_shard(shard(name, b"only ada has sent this")).status_code == 400
    bob.at = ada.at
    assert bob.send_shard(shard(name, b"only ada has sent this")).status_code == 403
    ada.headers = {"authorization": "Bearer made.up"}
    assert ada.send_xorb(name, sent) == 401


@pytest.fixture(scope="module")
def commit(client: TestClient, adas: dict[str, str], shared: str, hub: LocalHub):
    """Return a function that sends a commit, and checks that it changes nothing if it is refused."""

    def commit(*lines: object, raw: bytes = b""):
        content = raw or b"\n".join(json.dumps(line).encode() for line in lines)
        before = hub.registry.tip(shared, "main").id
        response = client.post(f"/api/models/{shared}/commit/main", content=content, headers=adas)
        assert response.status_code == 200 or hub.registry.tip(shared, "main").id == before
        return response

    return commit


HEADER = {"key": "header", "value": {"summary": "x"}}


def a_file(path: object, content: bytes = b"x") -> dict[str, object]:
    return {"key": "file", "value": {"path": path, "content": base64.b64encode(content).decode(), "encoding": "base64"}}


@pytest.mark.parametrize(
    "path",
    [
        "../x", "a/../../x", "/etc/passwd", "a//b", "./a", "..\\x", "a\\b", "C:/x", "a\nb", ".git/config", "a/.GIT/hooks/x",
        "a.", "a ", "dir./x", "NUL", "con.txt", "a/LPT1.md", "\uff0e\uff0e/x", "..\uff0fx", "a\u2215b", "a\u202egnp.exe", "a\u200bb",
        "x" * 256, "/".join(["d"] * 600), "", "a?b", "a*b", '"', "<x>",
    ],
)  # fmt: skip
def test_a_path_that_leaves_the_repository_or_hides_is_refused(commit, path):
    response = commit(HEADER, a_file(path))
    assert response.status_code == 422, response.text


@pytest.mark.parametrize(
    "path", ["ọkọ̀.txt", "سفينة.md", "नाव\u200d.txt", "a b.txt", ".gitattributes", "日本/語.txt", "🚢.png"]
)
def test_file_names_in_any_script_are_accepted(commit, path):
    assert commit(HEADER, a_file(path)).status_code == 200


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [a_file("a.txt")],
        [HEADER, {"key": "file"}],
        [HEADER, {"key": "file", "value": {"path": "a.txt", "content": "!!!", "encoding": "base64"}}],
        [HEADER, {"key": "explode", "value": {"path": "a.txt"}}],
        [HEADER, {"key": "lfsFile", "value": {"path": "a.txt", "oid": "../../x"}}],
        [HEADER, {"key": "lfsFile", "value": {"path": "a.txt", "oid": "0" * 64, "size": 1}}],
        [HEADER, a_file(7)],
        [HEADER, a_file("A.txt"), a_file("a/b.txt"), a_file("a")],
        [{"key": "header", "value": {"summary": ""}}],
        [{"key": "header", "value": {"summary": "x", "parentCommit": "main"}}],
        [HEADER, 7],
        "text",
    ],
)
def test_an_invalid_commit_is_refused(commit, lines):
    response = commit(*lines) if isinstance(lines, list) else commit(raw=b"[" * 100_000)
    assert response.status_code == 400, response.text
    assert response.json()["error"]


def test_paths_that_only_differ_in_case_are_refused(commit):
    assert commit(HEADER, a_file("A.txt"), a_file("a.txt")).status_code == 422


def test_yaml_that_expands_to_billions_of_values_is_refused(commit):
    laughs = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 12))
    card = f"---\nl0: &l0 [lol]\n{laughs}\nlicense: *l11\n---\n"
    response = commit(HEADER, a_file("README.md", card.encode()))
    assert response.status_code == 400
    assert "expands" in response.json()["error"]


OURS = "linguahub: {kind: adapter, summary: s}\n"
LICENSES = ("MIT, Apache-2.0", "'mit AND'", "'()'", "[mit, apache-2.0]", "{a: b}", '"mit\\0"')


@pytest.mark.parametrize("license", LICENSES)
@pytest.mark.parametrize("ours", ["", OURS], ids=["another library's card", "our card"])
def test_a_card_with_an_odd_licence_is_accepted_or_refused_with_one_line(commit, client, adas, shared, license, ours):
    card = f"---\nlicense: {license}\nlanguage: en\n{ours}---\n"
    response = commit(HEADER, a_file("README.md", card.encode()))
    assert response.status_code in {200, 400}, response.text
    assert response.status_code == 200 or "\n" not in response.json()["error"]
    assert client.post("/api/validate-yaml", json={"content": card}).status_code == response.status_code
    for path in (f"/{shared}", f"/api/models/{shared}", "/api/models?author=ada&full=true&cardData=true"):
        accept = "application/json" if path.startswith("/api") else "text/html"
        assert client.get(path, headers={**adas, "accept": accept}).status_code == 200


@pytest.mark.parametrize("text", ["語" * 900, "a-" * 20_000], ids=["in UTF-8", "hyphens"])
@pytest.mark.parametrize("field", ["summary", "method"])
def test_a_card_with_a_very_long_word_can_be_read_again(commit, client, shared, field, text):
    fields = {"kind": "adapter", "summary": "s", field: text}
    card = f"---\nlicense: mit\nlanguage: en\nlinguahub: {json.dumps(fields)}\n---\n"
    assert commit(HEADER, a_file("README.md", card.encode())).status_code == 200
    assert client.get(f"/api/models/{shared}").status_code == 200
    assert client.get("/api/v1/search", params={"owner": "ada"}).status_code == 200


@pytest.mark.parametrize("yaml", ["a: &a [*a]", "a: " + "[" * 100_000, "a: " + "9" * 5000, "a: !!bool x"])
def test_yaml_that_is_deep_or_refers_to_itself_is_refused(commit, client, yaml):
    card = f"---\n{yaml}\n---\n"
    for response in (
        commit(HEADER, a_file("README.md", card.encode())),
        client.post("/api/validate-yaml", json={"content": card}),
    ):
        assert response.status_code == 400
        assert response.json()["error"].startswith("the front matter ")


def test_lfs_objects_with_a_wrong_digest_or_size_are_not_stored(client, token_of, repo, hub: LocalHub):
    headers = {"authorization": f"Bearer {token_of('ada')}"}
    content = b"some large object"
    oid = hashlib.sha256(content).hexdigest()

    def link(size: int) -> str:
        body = {"operation": "upload", "objects": [{"oid": oid, "size": size}]}
        response = client.post(f"/{repo}.git/info/lfs/objects/batch", json=body, headers=headers).json()
        return response["objects"][0]["actions"]["upload"]["href"]

    assert client.put(link(len(content)), content=b"SOME large object").status_code == 400
    assert client.put(link(len(content)), content=content[:-1]).status_code == 400
    assert client.put(link(len(content)), content=content + b"!").status_code == 400
    assert client.put(link(len(content) + 1), content=iter([content])).status_code == 400
    assert client.put(link(3), content=iter([content])).status_code == 413
    good = link(len(content))
    body, signature = good.rsplit(".", 1)
    # The first character: the last one has spare bits, so that two of them can decode to the same bytes.
    forged = ("a" if signature[0] != "a" else "b") + signature[1:]
    assert client.put(f"{body}.{forged}", content=content).status_code == 401
    from hub.names import Digest

    assert Digest(oid) not in hub.store
    assert client.put(good, content=content).status_code == 200
    assert Digest(oid) in hub.store
    assert hub.store.unfinished() == []


def test_an_upload_only_looks_up_its_own_account_and_fails_once_it_is_removed(
    client, token_of, hub: LocalHub, monkeypatch
):
    monkeypatch.setattr(Accounts, "all", None)
    hub.accounts.add("guest", Actor("root"))
    token, content = token_of("guest"), b"of a guest"
    client.post("/api/repos/create", json={"name": "module"}, headers={"authorization": f"Bearer {token}"})
    cas = Cas(client, token, "guest/module")
    oid = hashlib.sha256(content).hexdigest()
    batch = {"operation": "upload", "objects": [{"oid": oid, "size": len(content)}]}
    response = client.post("/guest/module.git/info/lfs/objects/batch", json=batch, auth=("guest", token)).json()
    link = response["objects"][0]["actions"]["upload"]["href"]
    name, sent = xorb(content)
    assert (cas.send_xorb(name, sent), cas.send_shard(shard(name, content)).status_code) == (200, 200)
    assert client.put(link, content=content).status_code == 200
    hub.accounts.remove("guest", Actor("root"))
    assert (cas.send_xorb(name, sent), cas.send_shard(shard(name, content)).status_code) == (401, 401)
    assert client.put(link, content=content).status_code == 401


@pytest.mark.parametrize(("oid", "size"), [("x", 1), ("0" * 64, -1), ("0" * 64, 10**18), ("A" * 64, 5)])
def test_invalid_objects_are_reported_individually(client, adas, shared, oid, size):
    body = {"operation": "upload", "objects": [{"oid": oid, "size": size}, {"oid": "1" * 64, "size": 4}]}
    response = client.post(f"/{shared}.git/info/lfs/objects/batch", json=body, headers=adas)
    assert response.status_code == 200
    wrong, right = response.json()["objects"]
    assert wrong["error"]["code"] == 422
    assert "upload" in right["actions"]


def test_a_body_that_is_too_large_is_refused(client, adas):
    response = client.post("/api/validate-yaml", content=b'{"content":"' + b"x" * (9 << 20) + b'"}', headers=adas)
    assert response.status_code == 413
