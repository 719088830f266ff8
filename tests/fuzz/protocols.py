"""A grammar of requests by protocol: git, Git LFS and Xet. `tests.fuzz.hub_protocol` has that of the Hub."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from tests.builders.xet import head, shard, xorb
from tests.fuzz.chance import Chance
from tests.fuzz.world import DATASETS, FILES, REPOSITORIES, World

CAPABILITIES = ("side-band-64k", "thin-pack", "ofs-delta")
"""Those that dulwich requires."""
MORE_CAPABILITIES = (
    "no-progress",
    "include-tag",
    "filter",
    "agent=git/2",
    "multi_ack",
    "multi_ack_detailed",
    "no-done",
)
MEDIA_TYPE = "application/vnd.git-lfs+json"


@dataclass
class Sent:
    """A request."""

    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def as_json(chance: Chance, value: Any, share: float = 0.04) -> bytes:
    """Return a JSON body, sometimes with changed values or damaged bytes."""
    return chance.bytes_of(json.dumps(chance.changed(value, share)).encode(), 0.05)


def repository(chance: Chance, *, page: bool = False) -> str:
    """Return the path of a repository, sometimes of one that does not exist."""
    if chance.often(0.08):
        return "datasets/" + chance.choice(DATASETS)
    found = chance.choice(list(REPOSITORIES))
    owner, _, name = found.partition("/")
    found = f"{chance.segment(owner, 0.02)}/{chance.segment(name, 0.02)}"
    return found if page else f"models/{found}"


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def content_of(chance: Chance) -> bytes:
    """Return the content of the upload of this word, so that a later request can send or commit it."""
    return f"upload {chance.randrange(3)} ".encode() * 40


def git(chance: Chance, world: World) -> Sent:
    """List refs, or fetch with the packet lines of git-upload-pack."""
    at = "/" + repository(chance, page=True) + chance.choice((".git", ".git", ""))
    if chance.often(0.3):
        service = chance.choice(("git-upload-pack", "git-receive-pack"))
        return Sent(chance.choice(("GET", "HEAD")), f"{at}/info/refs?service={chance.segment(service, 0.15)}")
    if chance.often(0.05):
        return Sent(
            "POST", at + chance.choice(("/git-receive-pack", "/info/lfs/locks", "/info/lfs/locks/verify")), b"{}"
        )
    wanted = [
        chance.either(world.word("git commits", "1" * 40, chance.random()), 0.08)
        for _ in range(chance.choice((1, 1, 2, 3)))
    ]
    capabilities = [*CAPABILITIES, *chance.some([*MORE_CAPABILITIES, chance.text()])] if chance.often(0.9) else []
    lines = [
        f"want {each}{' ' + ' '.join(capabilities) if not place and capabilities else ''}\n"
        for place, each in enumerate(wanted)
    ]
    extra = chance.some(
        [
            "deepen 1\n",
            "deepen -1\n",
            "deepen x\n",
            "deepen 99999999999999999999\n",
            f"shallow {'0' * 40}\n",
            "filter blob:none\n",
            "deepen-since 0\n",
            "deepen-not main\n",
            chance.text(),
        ]
    )
    haves = [f"have {each}\n" for each in chance.some(["0" * 40, wanted[0], chance.text()])]
    body = packets([*lines, *extra, None, *haves, "done\n"])
    body = chance.bytes_of(body, 0.2)
    headers = {"content-type": "application/x-git-upload-pack-request"}
    if chance.often(0.15):
        body, headers["content-encoding"] = chance.bytes_of(gzip.compress(body), 0.4), "gzip"
    if chance.often(0.1):
        headers["git-protocol"] = chance.choice(("version=2", "version=1", "version=99", "x"))
    return Sent("POST", f"{at}/git-upload-pack", body, headers)


def packets(lines: list[str | None]) -> bytes:
    """Return packet lines; None is a flush."""
    raw = [None if each is None else each.encode("utf-8", "surrogatepass")[:60_000] for each in lines]
    return b"".join(b"0000" if each is None else b"%04x%s" % (len(each) + 4, each) for each in raw)


def lfs(chance: Chance, world: World) -> Sent:
    """Plan transfers, and use the links of earlier responses."""
    if chance.often(0.4):
        return _lfs_link(chance, world)
    contents = [content_of(chance) for _ in range(chance.randrange(1, 4))]
    objects = [{"oid": digest_of(each), "size": len(each)} for each in contents]
    if chance.often(0.2):
        objects += [{"oid": digest_of(each), "size": len(each)} for each in FILES.values()]
    if chance.often(0.1):
        objects.append({"oid": "f" * 64, "size": 10 ** chance.randrange(20)})
    body = {
        "operation": chance.choice(("upload", "upload", "download")), "transfers": chance.some(["basic", "multipart", "tus"]) or ["basic"],
        "objects": objects, "hash_algo": chance.choice(("sha256", "sha_256", "sha1")), "ref": {"name": "refs/heads/main"},
    }  # fmt: skip
    return Sent(
        "POST",
        f"/{repository(chance, page=True)}.git/info/lfs/objects/batch",
        as_json(chance, body),
        {"content-type": MEDIA_TYPE},
    )


def _lfs_link(chance: Chance, world: World) -> Sent:
    link = world.word("links", "/lfs/objects/x", chance.random())
    if chance.often(0.2):
        link = chance.choice(("/lfs/objects/", "/lfs/parts/", "/lfs/verify/", "/lfs/complete/")) + chance.segment(
            link.rpartition("/")[2], 0.5
        )
    content = content_of(chance)
    if "/verify/" in link or "/complete/" in link:
        body = {
            "oid": digest_of(content),
            "size": len(content),
            "parts": [{"partNumber": 1, "etag": digest_of(content)}],
        }
        return Sent("POST", link, as_json(chance, body), {"content-type": MEDIA_TYPE})
    if chance.often(0.3):
        return Sent(chance.choice(("GET", "HEAD", "DELETE")), link, headers={"range": chance.either("bytes=0-9", 0.5)})
    return Sent("PUT", link, chance.bytes_of(content))


def xet(chance: Chance, world: World) -> Sent:
    """Get a token, and send xorbs and shards, whole or damaged."""
    if chance.often(0.15) or "cas" not in world.words:
        return Sent("GET", f"/api/{repository(chance)}/xet-write-token/{chance.segment('main')}")
    address, token = json.loads(world.word("cas", "", chance.random()))
    headers = {"authorization": f"Bearer {chance.either(token, 0.05)}"}
    chunks = [content_of(chance) for _ in range(chance.randrange(1, 3))]
    name, content = xorb(*chunks)
    if chance.often(0.1):
        content = (
            head(chance.randrange(2**24), chance.randrange(9), chance.randrange(2**24), chance.randrange(3)) + content
        )
    name = chance.either(name, 0.1)
    if chance.often(0.1):
        return Sent("GET", f"{address}/v1/chunks/{chance.segment('default')}/{chance.segment(name)}", headers=headers)
    if chance.often(0.5):
        kind = chance.choice(("default", "default", "default-merkledb"))
        return Sent("POST", f"{address}/v1/xorbs/{kind}/{chance.segment(name, 0)}", chance.bytes_of(content), headers)
    options: dict[str, Any] = {}
    if chance.often(0.2):
        options["sha256"] = chance.choice(("0" * 64, "f" * 64))
    if chance.often(0.2):
        options["size"] = chance.choice((1, 2**31, 2**32 - 1))
    return Sent("POST", f"{address}/v1/shards", chance.bytes_of(shard(xorb(*chunks)[0], *chunks, **options)), headers)
