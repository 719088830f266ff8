"""Start `hub serve` as users do, and run clients against it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.home import Home
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.commit import commit, create
from hub.records import File
from hub.registry.accounts.permissions import Actor
from tests.builders.processes import running
from tests.clients.journey import CROWD, LARGE, LONG, MANY, PART_BYTES

ROOT = Actor("root")
SERVE = f"""
import os
from hub.cli import main
from server.protocol.transfer import lfs
from sqlalchemy import event
from sqlalchemy.pool import Pool

os.fsync = lambda _: None
event.listen(Pool, "checkout", lambda connection, *_: connection.execute("PRAGMA synchronous = OFF"))
lfs.PART_BYTES = {PART_BYTES}
main()
"""
"""Runs `hub serve` with smaller parts of multipart uploads, so that no client has to send 64 MiB, and without waiting for the disk."""


@dataclass(frozen=True)
class Service:
    """A running server, its hub and its log."""

    address: str
    hub: LocalHub
    log: Path
    folder: Path

    def walk(
        self, python: Path, name: str, *options: str, module: str = "journey", **environment: str
    ) -> list[dict[str, Any]]:
        """Run one Python client as the account `name`, with only HF_ENDPOINT, HF_TOKEN and HF_HOME set; return its steps."""
        return self.run([str(python), "-m", module, *options], name, **environment)

    def run(self, command: list[str], name: str, **environment: str) -> list[dict[str, Any]]:
        """Run a client's command as the account `name`, with the token of a guest as an option; return its steps."""
        token, guest = self._account(name), self._account(f"{name}-guest")
        home = self.folder / name
        (home / "huggingface").mkdir(parents=True)
        (
            home / "huggingface" / ".check_for_update_done"
        ).touch()  # Without this file it would ask PyPI for newer versions once a day.
        given = {"HF_ENDPOINT": self.address, "HF_TOKEN": token, "HF_HOME": str(home / "huggingface"), **environment}
        done = subprocess.run(
            [*command, "--guest-token", guest],
            env={"PATH": os.environ["PATH"], "HOME": str(home), **given},
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr[-5000:]
        return [json.loads(line) for line in done.stdout.splitlines()]

    def has_received_xet(self, name: str) -> bool:
        """Return whether the server's log shows Xet uploads of this account."""
        account = self.hub.accounts.get(name).id
        return re.search(rf"POST /cas/[^/ ]+/{account}/v1/shards 200", self.log.read_text()) is not None

    def received_parts(self) -> int:
        """Return how many parts of multipart uploads the server's log shows."""
        return self.log.read_text().count("PUT /lfs/parts/")

    def _account(self, name: str) -> str:
        account = self.hub.accounts.add(name, ROOT)
        self.hub.accounts.set_member(self.hub.accounts.get("crowd"), account, "admin", ROOT)
        return self.hub.tokens.create(account, "write", ROOT)


def _fill(hub: LocalHub) -> None:
    """Add content that would take too long to upload with every client."""

    def add(name: str, contents: dict[str, bytes], message: str) -> None:
        files = [File(path, *hub.store.put(content)) for path, content in contents.items()]
        commit(hub.registry.get(name), files, hub.registry, hub.store, ROOT, message=message)

    for name in (*(f"crowd/model-{number:03}" for number in range(CROWD)), LARGE, LONG, MANY):
        create(ArtifactName.parse(name, "crowd"), hub.registry, hub.store, ROOT)
    add(LARGE, {"a.parquet": os.urandom(1 << 20) + bytes(2 << 20)}, "Large")
    add(MANY, {f"{number:04}.txt": b"same" for number in range(1005)}, "Many")
    for number in range(60):
        add(LONG, {f"{number:02}.txt": b"%d" % number}, f"Say {number} < 99")


@contextmanager
def serving(folder: Path) -> Iterator[Service]:
    """Yield a new server with an organisation `crowd` that has CROWD empty models."""
    home, cards = folder / "home", folder / "cards"
    cards.mkdir()
    with LocalHub.open(Home(home / "registry.db", home, cards)) as hub:
        hub.accounts.add("root", ROOT, is_admin=True)
        hub.accounts.add("crowd", ROOT, kind="organisation", full_name="The crowd")
        _fill(hub)
        environment = os.environ | {"HUB_HOME": str(home), "HUB_CARDS": str(cards), "PYTHONUNBUFFERED": "1"}
        log = folder / "log"
        with log.open("w") as written:
            command = [sys.executable, "-c", SERVE, "serve", "--port", "0"]
            options: dict[str, Any] = {"env": environment, "stdout": subprocess.PIPE, "stderr": written, "text": True}
            with running(command, is_asked=True, **options) as process:
                assert process.stdout is not None
                address = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
                assert address, log.read_text()[-3000:]
                yield Service(address[0], hub, log, folder)
        assert "Traceback" not in log.read_text()
