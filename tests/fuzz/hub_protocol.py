"""A grammar of the Hub protocol: what Hugging Face clients send, with hostile values; and every route with hostile parameters."""

from __future__ import annotations

import base64
import json
import re
from typing import Any
from urllib.parse import urlencode

from tests.fuzz.chance import TEXTS, Chance, encoded
from tests.fuzz.protocols import Sent, as_json, content_of, digest_of, repository
from tests.fuzz.world import CARD, FILES, REPOSITORIES, WEIGHTS, World

JSON = {"content-type": "application/json"}
PATHS = (
    *FILES,
    "a",
    "a/b",
    "new.txt",
    "sub/config.json",
    "image.png",
    "data.parquet",
    ".gitattributes",
    "model.safetensors.index.json",
    "training_args.bin",
)
VALUES = (
    "MIT, Apache-2.0", "apache-2.0", "[apache-2.0, mit]", "*a", "&a [*a]", "!!python/object:os.system x", "2020-13-45", "2020-01-01", "1e999", "0x" + "f" * 99,
    "0o777", "12:30:45", "no", "~", "[[[[[[]]]]]]", "{a: {b: {c: d}}}", "[" * 500, "'\\ud800'", '"\\uD800"', '"\\0"', "|\n  text\n  text", "<<: {a: b}", "? x\n: y", "- x", "!!binary aGk=",
    "!!set {a}", "!!timestamp 0", "9" * 400, ".nan", "-.inf", "yor_Latn", "x" * 3000, "[yo, yo, YO]", "{yo: en}",
)  # fmt: skip
KEYS = (
    "license", "language", "tags", "base_model", "datasets", "metrics", "model-index", "pipeline_tag", "library_name", "linguahub", "kind", "variants", "license_name",
    "license_link", "inference", "widget", "thumbnail", "gated", "extra_gated_prompt", "extra_gated_fields", "configs", "size_categories", "a: b", "\"\\0\"", "<<",
)  # fmt: skip


def card(chance: Chance) -> str:
    """Return a README with a front matter of hostile values."""
    lines = [
        f"{chance.choice(KEYS)}: {chance.either(chance.choice(VALUES), 0.15)}"
        for _ in range(chance.choice((0, 1, 1, 2, 3)))
    ]
    if chance.often(0.15):
        lines += [
            "linguahub:",
            "  kind: adapter",
            f"  {chance.choice(('base', 'method', 'scores', 'encoder', 'upstream'))}: {chance.choice(VALUES)}",
        ]
    text = chance.choice(
        (
            "# x",
            "[a](javascript:x)",
            "![](a.png)",
            "<img src=x onerror=y>",
            "| a |\n|---|\n" * 20,
            "`" * 400,
            "> " * 300,
            "[" * 500,
            "**" * 500,
            "&#0;&#xD800;",
        )
    )
    made = "---\n" + "\n".join(lines) + "\n---\n" + text
    return chance.either(made, 0.05) if chance.often(0.9) else CARD.replace("yo", chance.text())


def weights(chance: Chance) -> bytes:
    """Return a safetensors file with a changed header."""
    header = {"__metadata__": {"format": "pt"}, "weight": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}
    raw = json.dumps(chance.changed(header, 0.15)).encode()
    length = chance.choice((len(raw), len(raw), len(raw), 0, 2**63, 2**64 - 1, len(raw) + 1))
    return chance.choice((WEIGHTS, length.to_bytes(8, "little") + raw + bytes(16)))


def commit(chance: Chance, world: World) -> Sent:
    """Add, delete and copy files in one commit."""
    lines: list[Any] = [
        {"key": "header", "value": {"summary": chance.either("Fuzz", 0.1), "description": "", "parentCommit": ""}}
    ]
    if chance.often(0.1):
        lines[0]["value"]["parentCommit"] = chance.either(world.word("commits", "0" * 40, chance.random()), 0.5)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        path = chance.either(chance.choice(PATHS), 0.1)
        lines.append(
            chance.one_of(lambda path=path: _file(chance, path), lambda path=path: _change(chance, world, path))
        )
    lines = [chance.changed(each, 0.015) for each in lines]
    body = b"\n".join(json.dumps(each).encode() for each in lines)
    branch = chance.segment(chance.choice((*["main"] * 8, "side", "refs/pr/1")), 0.03)
    headers = {"content-type": "application/x-ndjson"}
    return Sent("POST", f"/api/{repository(chance)}/commit/{branch}", chance.bytes_of(body, 0.04), headers)


def _file(chance: Chance, path: str) -> dict[str, Any]:
    content = {
        "README.md": lambda: card(chance).encode("utf-8", "surrogatepass"),
        "config.json": lambda: as_json(chance, {"architectures": ["X"], "linguahub": {"base": "sd"}}, 0.2),
        "model.safetensors": lambda: weights(chance),
    }.get(
        path.rpartition("/")[2],
        lambda: chance.bytes_of(
            chance.choice((b"text", b"\x89PNG\r\n\x1a\n", b"\x80\x04\x95", b"PK\x03\x04", b"PAR1", b"{}"))
        ),
    )()
    value = {"path": path, "content": base64.b64encode(content).decode(), "encoding": "base64"}
    if chance.often(0.08):
        value |= {"content": chance.text(), "encoding": chance.either("utf-8", 0.3)}
    return {"key": "file", "value": value}


def _change(chance: Chance, world: World, path: str) -> dict[str, Any]:
    content = chance.choice((content_of(chance), WEIGHTS, chance.choice(list(FILES.values()))))
    return chance.choice((
        {"key": "lfsFile", "value": {"path": path, "algo": "sha256", "oid": digest_of(content), "size": len(content)}},
        {"key": "deletedFile", "value": {"path": path}}, {"key": "deletedFolder", "value": {"path": path}},
        {"key": "copyFile", "value": {"path": path, "srcPath": chance.choice(PATHS), "srcRevision": "main", "srcRepoId": chance.either("ada/gated"), "srcRepoType": "model"}},
    ))  # fmt: skip


def write(chance: Chance, world: World) -> Sent:
    """Change repositories, branches, tags, settings and access."""
    name, at = chance.either(chance.choice(list(REPOSITORIES)), 0.2), f"/api/{repository(chance)}"
    files = [
        {"path": chance.either(chance.choice(PATHS)), "size": chance.choice((0, 9, 10**12)), "sample": "aGk="}
        for _ in range(chance.randrange(4))
    ]
    ref, new = chance.segment("main"), chance.segment(chance.choice(("side", "v1", "main")))
    method, path, body = chance.choice((
        ("POST", "/api/repos/create", {"name": chance.either("made"), "organization": chance.either("lab", 0.5), "type": chance.either("model"), "private": True}),
        ("DELETE", "/api/repos/delete", {"name": chance.either("made"), "organization": "ada", "type": "model"}),
        ("POST", "/api/repos/move", {"fromRepo": name, "toRepo": chance.either("ada/moved", 0.5), "type": "model"}),
        ("PUT", f"{at}/settings", {"private": False, "gated": chance.either("auto"), "discussionsDisabled": True}),
        ("POST", f"{at}/preupload/{ref}", {"files": files, "gitAttributes": chance.text(), "gitIgnore": chance.either("*.log\n!a\n[", 0.5)}),
        ("POST", f"{at}/paths-info/{ref}", {"paths": [chance.either(each) for each in chance.some(PATHS)], "expand": True}),
        ("POST", f"{at}/branch/{new}", {"startingPoint": chance.either("main"), "overwrite": True}), ("DELETE", f"{at}/branch/{new}", {}),
        ("POST", f"{at}/tag/{ref}", {"tag": chance.either("v1"), "message": chance.text()}), ("DELETE", f"{at}/tag/{new}", {}),
        ("POST", f"{at}/super-squash/{new}", {"message": chance.text()}), ("POST", f"{at}/duplicate", {"repository": chance.either("ada/copy", 0.4), "private": True}),
        ("POST", f"{at}/lfs-files/batch", {"deletions": {"sha": [chance.either(digest_of(b"deep"))], "rewriteHistory": True}}),
        ("POST", f"{at}/lfs-files/duplicate", {"target": {"type": "model", "name": name}, "files": [{"sha256": digest_of(b"text"), "filename": "x"}]}),
        ("POST", f"{at}/user-access-request/handle", {"user": chance.either("bob"), "status": chance.either("accepted"), "rejectionReason": chance.text()}),
        ("POST", f"{at}/user-access-request/grant", {"user": chance.either("bob")}), ("POST", f"{at}/like", {}), ("DELETE", f"{at}/like", {}),
        ("POST", "/api/validate-yaml", {"content": card(chance), "repoType": chance.either("model")}), ("POST", f"/{name}/ask-access", {}),
        ("POST", "/api/settings/webhooks", {"url": chance.either("https://hook.example/"), "watched": [{"type": "user", "name": "ada"}], "domains": ["repo"]}),
        ("POST", "/oauth/device", {"client_id": chance.text()}),
        ("POST", "/oauth/token", {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": chance.either("x"), "refresh_token": chance.text()}),
    ))  # fmt: skip
    if chance.often(0.06) and all(isinstance(each, str) for each in body.values()):
        form = urlencode({encoded(key): encoded(each) for key, each in body.items()})
        return Sent(method, path, form.encode(), {"content-type": "application/x-www-form-urlencoded"})
    return Sent(method, path, as_json(chance, body), dict(JSON))


def read(chance: Chance, world: World) -> Sent:
    """List, describe and download."""
    at, page = f"/api/{repository(chance)}", f"/{repository(chance, page=True)}"
    revision = chance.segment(
        chance.choice(("main", "main", "HEAD", "refs/heads/main", world.word("commits", "1" * 40, chance.random())))
    )
    path = "/".join(map(encoded, chance.either(chance.choice(PATHS), 0.3).split("/")))
    cursor, number = world.word("cursors", "x", chance.random()), chance.choice((1, 3, 1000, -1, 10**30))
    target = chance.choice((
        f"/api/models{chance.query(search='mo', author='ada', filter='yo', sort='downloads', direction=-1, limit=number, full=True, cursor=cursor, expand='sha', num_parameters='min:1B')}",
        f"/api/datasets{chance.query(search='n', sort='trendingScore', limit=number, cursor=cursor)}", f"{at}{chance.query(expand='safetensors', blobs=True, securityStatus=True)}",
        f"{at}/tree/{revision}{chance.query(recursive=True, expand=True, limit=number, cursor=cursor)}", f"{at}/tree/{revision}/{path}{chance.query(recursive=True)}",
        f"{at}/revision/{revision}{chance.query(expand='siblings')}", f"{at}/commits/{revision}{chance.query(p=0, limit=number, cursor=cursor)}",
        f"{at}/refs{chance.query(include_prs=1)}", f"{at}/likers{chance.query(limit=number)}", f"{at}/lfs-files{chance.query(cursor=cursor, limit=number, xet=True)}",
        f"{page}/resolve/{revision}/{path}{chance.query(download=True)}", f"{page}/tree/{revision}", page, f"{page}/blob/{revision}/{path}", f"{page}/raw/{revision}/{path}",
        f"/{chance.query(q='a', lang='yo', kind='adapter', base='sd', sort='likes', cursor=cursor)}",
        f"/api/v1/search{chance.query(q='a', lang='yo', metric='fid', min=0, max=1, offset=number, limit=number, cursor=cursor)}",
        f"/api/v1/compare{chance.query(names='ada/open', name='ada/open')}", f"/api/v1/leaderboard{chance.query(benchmark='emoji', metric='accuracy', limit=number)}",
        f"/api/v1/parity{chance.query(base='emoji-sd', language='yo', split='seen')}",
        f"/api/v1/recommend{chance.query(base='emoji-sd', language='yo', budget=number, need='culture')}",
        f"/api/users/{chance.segment('ada', 0.5)}/overview", f"/api/organizations/{chance.segment('lab', 0.5)}/members", "/api/whoami-v2",
    ))  # fmt: skip
    headers = {}
    if chance.often(0.2):
        headers["range"] = chance.choice(
            (
                "bytes=0-3",
                "bytes=-1",
                "bytes=5-1",
                "bytes=9999999999-",
                "bytes=0-0,2-2",
                "bytes=" + "0-0," * 500,
                "x",
                "bytes=" + "9" * 99 + "-",
            )
        )
    if chance.often(0.1):
        headers["if-none-match"] = chance.choice(('"x"', "*", 'W/"' + "f" * 64 + '"', ",,,"))
    if chance.often(0.3):
        headers["accept"] = "text/html"
    return Sent(chance.choice(("GET", "GET", "HEAD")), target, headers=headers)


def any_route(chance: Chance, world: World, routes: list[tuple[str, str]]) -> Sent:
    """Return a request for any route, with parameters that are right or hostile, and a body of any kind."""
    method, path = chance.choice(routes)
    right = {
        "owner": "ada",
        "name": "open",
        "repository": "ada/open",
        "revision": "main",
        "path": "README.md",
        "branch": "side",
        "collection": "models",
        "alias": "stable",
    }

    def fill(found: re.Match[str]) -> str:
        kind = found[2] or ""
        if "prefix" in kind:
            return chance.choice(("", "datasets/"))
        if "collection" in kind:
            return chance.choice(("models", "datasets"))
        value = chance.either(right.get(found[1], "1"), 0.35)
        return "/".join(map(encoded, value.split("/"))) if kind else encoded(value)

    target = re.sub(r"\{(\w+)(:\w+)?\}", fill, path) + chance.query(limit=3, cursor="x", q=chance.text())
    if method in {"GET", "HEAD"}:
        return Sent(method, target, headers={"accept": chance.choice(("text/html", "application/json", "*/*"))})
    value = {
        chance.choice(("name", "email", "reason", "url", "pem", "role", "metric", "value")): chance.leaf()
        for _ in range(chance.randrange(4))
    }
    body = chance.choice(
        (as_json(chance, value), as_json(chance, chance.leaf()), chance.choice(TEXTS).encode("utf-8", "surrogatepass"))
    )
    media_type = chance.choice(
        ("application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", "")
    )
    return Sent(method, target, body, {"content-type": media_type} if media_type else {})
