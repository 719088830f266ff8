"""Send hostile requests to a real server, and report faults that no client may cause: server errors, tracebacks, lost connections."""

from __future__ import annotations

import http.client
import logging
import re
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from fastapi.routing import APIRoute

from hub.local import LocalHub
from hub.maintenance.verify import verify
from server import create_app
from tests.builders.serving import served
from tests.fuzz import hub_protocol, protocols
from tests.fuzz.chance import Chance
from tests.fuzz.protocols import Sent
from tests.fuzz.world import DATASETS, REPOSITORIES, World

DOCUMENTED = {501, 507}
"""5xx that are meant: features of the Hugging Face Hub that are not served, and a full quota. See docs/reference/errors.md."""
SLOW_S = 10.0
"""Seconds after which a single request is a fault, on a busy machine."""
RESTORE = 400
"""Requests after which the pages are opened, and deleted repositories are added again."""
MALFORMED = b"Invalid HTTP request received."
"""uvicorn's answer to what is not HTTP."""


@dataclass
class Report:
    """The sent requests, and the faults that they caused."""

    requests: int = 0
    seconds: float = 0.0
    statuses: Counter[str] = field(default_factory=Counter)
    """Protocol and status → number of responses."""
    faults: dict[str, str] = field(default_factory=dict)
    """Kind of fault → the first request that caused it."""
    tell: Callable[[str], object] | None = None
    """Called with each new fault, so that long runs show them at once."""

    def add(self, kind: str, sent: str) -> None:
        """Record a fault; only the first of its kind is kept."""
        if kind not in self.faults and self.tell:
            self.tell(f"{kind}\n  {sent}\n")
        self.faults.setdefault(kind, sent)

    def __str__(self) -> str:
        groups: dict[str, list[str]] = {}
        for each, count in sorted(self.statuses.items()):
            protocol, status = each.split(" ")
            groups.setdefault(protocol, []).append(f"{status} × {count}")
        lines = [f"{protocol}: {', '.join(found)}" for protocol, found in groups.items()]
        faults = [f"\n{kind}\n  {sent}" for kind, sent in self.faults.items()]
        summary = f"{self.requests} requests in {self.seconds:.0f} s, {len(self.faults)} kinds of faults."
        return "\n".join([*lines, *faults, summary])


def fuzz(hub: LocalHub, count: int, seed: int = 0, tell: Callable[[str], object] | None = None) -> Report:
    """Send `count` requests to a server of `hub`, which must be empty. The same seed sends similar requests: links are random."""
    report, world, began = Report(tell=tell), World.make(hub), time.monotonic()
    app = create_app(hub, rates=None)
    routes = [(method, each.path) for each in app.routes if isinstance(each, APIRoute) for method in each.methods]
    routes = [
        (method, path) for method, path in routes if not path.startswith("/api/v1/admin/")
    ]  # They end the accounts.
    kinds: dict[str, Callable[[Chance], Sent]] = {
        "git": lambda chance: protocols.git(chance, world),
        "lfs": lambda chance: protocols.lfs(chance, world),
        "xet": lambda chance: protocols.xet(chance, world),
        "commit": lambda chance: hub_protocol.commit(chance, world),
        "write": lambda chance: hub_protocol.write(chance, world),
        "read": lambda chance: hub_protocol.read(chance, world),
        "any": lambda chance: hub_protocol.any_route(chance, world, routes),
    }
    with _tracebacks(report) as current, served(app, force=True) as running:
        client = Client(running.address)
        _open_pages(client, world, report)
        for number in range(count):
            chance = Chance(f"{seed} {number}")
            kind = chance.choice(list(kinds))
            sent = kinds[kind](chance)
            credential = chance.choice((*["ada"] * 12, "bob", "read", "narrow", ""))
            if world.tokens[credential]:
                sent.headers.setdefault("authorization", f"Bearer {world.tokens[credential]}")
            current[0] = f"seed {seed} number {number}, {kind} as {credential or 'anonymous'}: {_shown(sent)}"
            _send(client, sent, kind, report, current[0], world)
            if number % RESTORE == RESTORE - 1:
                _open_pages(client, world, report)
                world.restore()
        _open_pages(client, world, report)
        client.close()
    for problem in verify(hub.registry, hub.store):
        if problem.is_fault:
            report.add(f"hub verify: {problem.text}", "after all requests")
    report.seconds = time.monotonic() - began
    return report


def _send(client: Client, sent: Sent, kind: str, report: Report, shown: str, world: World) -> None:
    began = time.monotonic()
    try:
        status, headers, body = client.send(sent)
    except (OSError, http.client.HTTPException) as error:
        client.close()
        report.add(f"no answer: {type(error).__name__} {error} to {_route(sent)}", shown)
        return
    report.requests += 1
    report.statuses[f"{kind} {status}"] += 1
    if time.monotonic() - began > SLOW_S:
        report.add(f"slow: {_route(sent)}", f"{time.monotonic() - began:.0f} s, {shown}")
    if status >= 500 and status not in DOCUMENTED:
        report.add(f"{status}: {_route(sent)}", f"{shown}\n  {body[:300]!r}")
    if status >= 400 and body != MALFORMED and not _is_one_line(headers):
        report.add(f"an error without one line: {_route(sent)} {status}", f"{shown}\n  {headers} {body[:300]!r}")
    if kind == "pages" and status not in {200, 307, 404}:
        report.add(f"a page fails: {_route(sent)} {status}", f"{shown}\n  {body[:300]!r}")
    if "x-evil" in headers:
        report.add(f"a header from the request: {_route(sent)}", shown)
    world.learn(headers, body)


def _open_pages(client: Client, world: World, report: Report) -> None:
    """Read all pages of repositories: accepted content must not make a page fail."""
    headers = {"authorization": f"Bearer {world.tokens['ada']}"}
    for name in (*REPOSITORIES, *(f"datasets/{each}" for each in DATASETS)):
        api = name if name.startswith("datasets/") else f"models/{name}"
        of_api = (
            "",
            "/tree/main?recursive=true&expand=true",
            "/refs",
            "/commits/main",
            "/lfs-files",
            "?expand=siblings&expand=cardData",
        )
        targets = [
            f"/{name}",
            f"/{name}/resolve/main/README.md",
            f"/{name}.git/info/refs?service=git-upload-pack",
            *(f"/api/{api}{each}" for each in of_api),
        ]
        for target in targets:
            accept = {"accept": "text/html"} if target == f"/{name}" else {}
            _send(
                client,
                Sent("GET", target, headers=headers | accept),
                "pages",
                report,
                f"after a restore: GET {target}",
                world,
            )
    for target in ("/", "/api/models?full=true", "/api/datasets", "/api/v1/search", "/api/models-tags-by-type"):
        _send(client, Sent("GET", target, headers=headers), "pages", report, f"after a restore: GET {target}", world)


class Client:
    """A connection that sends exactly the given bytes, also those that other clients refuse to send."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._host, self._port = parts.hostname or "", parts.port
        self._connection: socket.socket | None = None

    def send(self, sent: Sent) -> tuple[int, dict[str, str], bytes]:
        """Send a request and return status, headers and body. Raises OSError, HTTPException."""
        if self._connection is not None:
            try:
                return self._exchange(self._connection, sent)
            except (
                ConnectionError,
                http.client.RemoteDisconnected,
            ):  # The server may close a connection after any response.
                self.close()
        self._connection = socket.create_connection((self._host, self._port), timeout=60)
        return self._exchange(self._connection, sent)

    def _exchange(self, connection: socket.socket, sent: Sent) -> tuple[int, dict[str, str], bytes]:
        lines = [f"{sent.method} {sent.path or '/'} HTTP/1.1", f"host: {self._host}:{self._port}"]
        lines += [f"{name}: {_in_header(value)}" for name, value in sent.headers.items()]
        if sent.body or sent.method in {"POST", "PUT", "PATCH"}:
            lines.append(f"content-length: {len(sent.body)}")
        connection.sendall("\r\n".join(lines).encode("utf-8", "replace") + b"\r\n\r\n" + sent.body)
        response = http.client.HTTPResponse(connection, method=sent.method)
        response.begin()
        body = response.read()
        if response.will_close:
            self.close()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, body

    def close(self) -> None:
        """Close the connection; the next request opens another one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@contextmanager
def _tracebacks(report: Report) -> Iterator[list[str]]:
    """Record every logged traceback as a fault, with the current request, which is the first item of the list."""
    current, make = [""], logging.getLogRecordFactory()

    def watch(*arguments: object, **options: object) -> logging.LogRecord:
        record = make(*arguments, **options)
        if (
            record.exc_info
            and record.exc_info[1] is not None
            and record.name.partition(".")[0] in {"uvicorn", "server", "hub", "asyncio", "root"}
        ):
            lines = logging.Formatter().formatException(record.exc_info).splitlines()
            report.add("\n  ".join(["traceback:", *lines[-7:]])[:2000], current[0])
        elif record.name == "server.errors" and "bytes, but the disk" not in (text := record.getMessage()):
            report.add(f"logged: {text.partition(' ')[2][:200]}", current[0])
        return record

    logging.setLogRecordFactory(watch)
    try:
        yield current
    finally:
        logging.setLogRecordFactory(make)


def _in_header(value: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]", "", value).encode("utf-8", "replace").decode("latin-1")


def _is_one_line(headers: dict[str, str]) -> bool:
    """Return whether the error is in a header of printable ASCII. Responses to git and forms have no such header."""
    shown = headers.get("x-error-message")
    return shown is None or (0 < len(shown) <= 500 and shown.isascii() and shown.isprintable())


def _route(sent: Sent) -> str:
    """Return method and path, short and without parameters that vary, so that faults of one kind are reported once."""
    path = re.sub(r"%[0-9A-Fa-f]{2}|[0-9a-f]{16,}|[A-Za-z0-9_-]{60,}[.\w-]*", "…", sent.path.partition("?")[0])
    return f"{sent.method} {re.sub('…+', '…', path)[:70]}"


def _shown(sent: Sent) -> str:
    return f"{sent.method} {sent.path[:400]} {sent.headers} {sent.body[:600]!r}"
