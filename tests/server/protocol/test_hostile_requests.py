"""No request is a 500: whatever a client sends is refused with one line, and the connection stays usable."""

from __future__ import annotations

import base64
import hashlib
import json
from urllib.parse import quote

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server import create_app
from tests.builders.serving import served

PRINTABLE = set(map(chr, range(0x20, 0x7F)))


def is_safe(response) -> bool:
    """Return whether an error is a client's, in one line, and its message a header that every server and proxy sends."""
    shown = response.headers["x-error-message"]
    return 400 <= response.status_code < 500 and len(shown) <= 500 and set(shown) <= PRINTABLE


@pytest.mark.parametrize(
    "path",
    [
        "/api/models/x%00y", "/api/models/ada/x%00y", "/x%00y", "/ada/%1b%5b31m", "/api/datasets/%0d%0aX-Evil:%20y", "/api/models/x%7f",
        "/api/models/%C2%85", "/api/models/%ED%A0%80", "/api/models/%FF", "/ada/x/resolve/%00/a", "/api/models/ada/x/tree/main/%00",
        "/api/users/x%00y/overview", "/api/v1/artifacts/ada/x%00y", "/api/v1/search?offset=x%00y", "/api/v1/search?%00=1",
        "/api/models?sort=%00", "/api/models?expand=%00", "/api/models/" + "x" * 20_000, "/api/models/" + "%00" * 5000,
    ],
)  # fmt: skip
def test_a_path_or_query_with_control_characters_is_answered_by_a_real_server(endpoint, path):
    with httpx.Client(base_url=endpoint) as client:
        for accept in ("application/json", "text/html"):
            response = client.get(path, headers={"accept": accept})
            assert is_safe(response), response.text
        assert client.get("/api/v1/health/live").status_code == 200


def test_an_error_lists_a_few_of_many_invalid_parameters(client, token_of):
    body = {f"{number}{'x' * 1000}": 1 for number in range(5000)}
    headers = {"authorization": f"Bearer {token_of('root')}"}
    response = client.post("/api/v1/admin/users", json=body, headers=headers)
    assert is_safe(response)
    assert len(response.json()["error"]) < 4000
    assert response.json()["error"].endswith(" more.")


def test_the_header_of_an_error_repeats_a_short_message_and_cuts_a_long_one(client):
    response = client.get("/api/models/ada/nothing")
    assert response.headers["x-error-message"] == response.json()["error"]
    response = client.get(f"/api/models/ada/{'é' * 400}")
    assert response.headers["x-error-message"].startswith("no artifact is called `ada/\\xe9")
    assert response.headers["x-error-message"].endswith("...")


def test_an_error_or_a_redirect_repeats_a_bounded_part_of_a_long_request(client, hub, repo, token_of):
    headers = {"authorization": f"Bearer {token_of('ada')}"}
    new = f"{repo}-moved"
    client.post("/api/repos/move", json={"fromRepo": repo, "toRepo": new}, headers=headers)
    for length, status in ((10, 307), (3000, 307), (6000, 414), (20_000, 414)):
        response = client.get(f"/api/models/{repo}?search={'x' * length}", follow_redirects=False)
        assert response.status_code == status, length
        assert len(response.headers.get("location", "")) <= 4000
        assert len(response.content) < 1000
    client.post("/api/repos/move", json={"fromRepo": new, "toRepo": repo}, headers=headers)
    lines = [{"key": "header", "value": {"summary": "x"}}]
    lines += [{"key": "deletedFile", "value": {"path": "/".join(["x" * 200] * 5)}}]
    answers = [
        client.post(f"/api/models/{repo}/commit/main", content="\n".join(map(json.dumps, lines)), headers=headers),
        client.post(f"/api/models/{repo}/paths-info/{'y' * 5000}", json={"paths": []}, headers=headers),
        client.post("/api/repos/create", json={"name": "z" * 100_000}, headers=headers),
    ]
    for response in answers:
        assert is_safe(response), response.text
        assert len(response.content) <= 1000


@pytest.mark.parametrize("size", [10**13, 2**62, 2**63, 10**30])
def test_an_absurd_size_is_refused_by_preupload_and_the_lfs_batch(client, adas, shared, size):
    body = {"files": [{"path": "a.safetensors", "size": size}]}
    response = client.post(f"/api/models/{shared}/preupload/main", json=body, headers=adas)
    assert is_safe(response), response.text
    batch = {"operation": "upload", "objects": [{"oid": "a" * 64, "size": size}]}
    response = client.post(f"/{shared}.git/info/lfs/objects/batch", json=batch, headers=adas)
    assert response.status_code in {200, 400, 422}
    if response.status_code == 200:
        assert response.json()["objects"][0]["error"]["code"] == 422


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "a\0b"], ids=["high", "low", "NUL"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/repos/create", {"name": "%"}),
        ("/api/repos/move", {"fromRepo": "%", "toRepo": "x"}),
        ("/api/models/{repo}/tag/main", {"tag": "x", "message": "%"}),
        ("/api/models/{repo}/super-squash/main", {"message": "%"}),
        ("/api/models/{repo}/branch/b", {"startingPoint": "%"}),
        ("/api/models/{repo}/lfs-files/duplicate", {"target": {"name": "ada/x"}, "files": [{"sha256": "%", "filename": "%"}]}),
        ("/api/models/{repo}/preupload/main", {"files": [{"path": "%", "size": 1}]}),
        ("/api/models/{repo}/paths-info/main", {"paths": ["%"]}),
        ("/api/models/{repo}/commit/main", {"key": "header", "value": {"summary": "%"}}),
        ("/api/models/{repo}/commit/main", {"key": "header", "value": {"summary": "x", "description": "%"}}),
        ("/api/models/{repo}/commit/main", {"key": "file", "value": {"path": "%"}}),
        ("/api/v1/accounts/ada/signing-keys", {"name": "x", "pem": "%"}),
        ("/api/settings/webhooks", {"url": "https://%.example/", "watched": [{"type": "user", "name": "%"}]}),
        ("/api/validate-yaml", {"content": "---\na: %\n---\n"}),
        ("/oauth/token", {"grant_type": "%"}),
        ("/{repo}.git/info/lfs/objects/batch", {"operation": "upload", "objects": [], "ref": {"name": "%"}}),
    ],
)  # fmt: skip
def test_half_a_surrogate_pair_or_a_nul_in_json_is_refused(client, adas, shared, path, body, text):
    content = json.dumps(body).replace("%", json.dumps(text)[1:-1])
    headers = {**adas, "content-type": "application/json"}
    response = client.post(path.format(repo=shared), content=content, headers=headers)
    assert is_safe(response), response.text
    assert response.status_code == 400, response.text


@pytest.mark.parametrize(
    "body", ['{"name": "\\ud800', "[" * 100_000, b'{"name": "\xed\xa0\x80"}', b"\xff", '{"name": NaN}', "1" * 9000]
)
def test_a_body_that_is_not_json_is_refused(client, adas, body):
    headers = {**adas, "content-type": "application/json"}
    response = client.post("/api/repos/create", content=body, headers=headers)
    assert (response.status_code, is_safe(response)) == (400, True)
    assert response.json()["error"].startswith("the request body is not valid JSON: ")


HUGE = str(10**30)
NO_CURSORS = (
    "W10",
    "MTA.x",
    base64.urlsafe_b64encode(f"[{HUGE}, {{}}]".encode()).decode(),
    f"{HUGE}.{HUGE}",
    "\0",
    "é" * 500,
    "." * 1000,
)


@pytest.mark.parametrize(
    "query",
    [
        *(f"{name}={value}" for name in ("limit", "offset") for value in (HUGE, f"-{HUGE}", "1e9", "٣", "²", "9" * 5000)),
        f"min=1e{HUGE}", "max=nan", f"metric=fid&min={'9' * 999}",
        *(f"cursor={quote(each)}" for each in NO_CURSORS),
    ],
)  # fmt: skip
def test_numbers_and_cursors_out_of_range_are_refused_by_the_search(client, query):
    response = client.get(f"/api/v1/search?{query}")
    assert (response.status_code, is_safe(response)) == (400, True), response.text


@pytest.mark.parametrize(
    "query",
    [
        f"limit={HUGE}", f"skip={HUGE}", f"num_parameters=min:{'9' * 400}T", f"num_parameters=max:{'9' * 5000}B", "num_parameters=min:1e9",
        *(f"cursor={quote(each)}" for each in NO_CURSORS),
    ],
)  # fmt: skip
def test_numbers_and_cursors_out_of_range_are_refused_by_lists(client, query):
    response = client.get(f"/api/models?{query}")
    assert (response.status_code, is_safe(response)) == (400, True), response.text


@pytest.mark.parametrize("cursor", NO_CURSORS)
@pytest.mark.parametrize("path", ["commits/main", "tree/main", "lfs-files"])
def test_cursors_of_the_wrong_shape_are_refused_by_lists_of_a_repository(client, shared, cursor, path):
    response = client.get(f"/api/models/{shared}/{path}", params={"cursor": cursor})
    assert (response.status_code, is_safe(response)) == (400, True), response.text


UNSEEN = ("\0", "\x1b[31m", "\u202e", "\ufeff", "\u2066", "\ue000", "\U000e0001", "\u0378", "鱟" * 900)
"""Control characters, marks of direction and order, private and unassigned ones; and a long word in UTF-8."""


@pytest.mark.parametrize("value", ["x" * 15_000, *(f"x{each}y" for each in UNSEEN)], ids=ascii)
@pytest.mark.parametrize("name", ["search", "filter", "author", "pipeline_tag"])
def test_a_filter_that_nothing_can_match_finds_nothing(client, name, value):
    response = client.get("/api/models", params={name: value})
    assert (response.status_code, response.json()) == (200, [])


@pytest.mark.parametrize("value", [f"x{each}y" for each in UNSEEN], ids=ascii)
@pytest.mark.parametrize("name", ["q", "kind", "base", "method", "license", "owner"])
def test_a_search_that_nothing_can_match_finds_nothing(client, name, value):
    response = client.get("/api/v1/search", params={name: value})
    assert (response.status_code, response.json()["total"]) == (200, 0)


def test_an_exception_that_reaches_the_top_fails_a_test(hub, no_tracebacks):
    def crash(_: Request) -> Response:
        raise RuntimeError("a bug")

    app = create_app(hub)
    app.router.routes.insert(0, Route("/crash", crash))
    with served(app) as running:
        assert httpx.get(f"{running.address}/crash").status_code == 500
    assert [str(each.exc_info[1]) for each in no_tracebacks] == ["a bug"]
    no_tracebacks.clear()


def test_a_request_with_many_files_writes_in_as_many_transactions_as_one_with_few(
    client, hub, token_of, repo, monkeypatch
):
    """Each transaction waits for the disk: 300 of them kept a server busy for ten seconds."""
    database, headers = type(hub.registry.database), {"authorization": f"Bearer {token_of('ada')}"}
    transaction, begun = database.transaction, []

    def counted(self):
        begun.append(self)
        return transaction(self)

    monkeypatch.setattr(database, "transaction", counted)

    def commit(count):
        lines = [{"key": "header", "value": {"summary": f"{count} files"}}]
        for number in range(count):
            content = base64.b64encode(f"{count} {number}".encode()).decode()
            lines.append({"key": "file", "value": {"path": f"{number}.txt", "content": content}})
        body = "\n".join(map(json.dumps, lines))
        return client.post(f"/api/models/{repo}/commit/main", content=body, headers=headers)

    def duplicate(count):
        digests = [hashlib.sha256(f"60 {number}".encode()).hexdigest() for number in range(count)]
        body = {"target": {"name": repo}, "files": [{"sha256": each} for each in digests * 5]}
        return client.post(f"/api/models/{repo}/lfs-files/duplicate", json=body, headers=headers)

    used = []
    for send, count in ((commit, 2), (commit, 60), (duplicate, 1), (duplicate, 60)):
        begun.clear()
        response = send(count)
        assert response.status_code == 200, response.text
        used.append(len(begun))
    assert used[0] == used[1] < 10
    assert used[2] == used[3] == 1
