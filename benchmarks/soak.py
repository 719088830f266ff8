"""Load a hub of several processes for a while: nginx, server workers, PostgreSQL and an S3-compatible store, used by three clients.

python -m benchmarks.soak [--minutes 30] [--workers 4] [--clients 3] [--reloads 1] [--seed 0]

Clients search, open pages, publish files and download them, through nginx, and compare every download with what they have sent.
The workers are replaced `--reloads` times meanwhile. Prints requests, errors and the memory of the workers over time; then all files that
were published are downloaded once more. Exits with 1 if a request failed or a published file is lost. PostgreSQL, nginx and moto, which
plays the store, must be installed; they run in temporary folders.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.utils import disable_progress_bars

from benchmarks.serving import Serving, serving

TEXTS = ("mulan", "yoruba", "sdxl", "日本語", "emoji hindi", "m-clip", "no such thing")
PAGES = ("/", "/?lang=yo", "/leaderboard", "/languages", "/api/models?limit=20", "/api/v1/languages")
KINDS = {"search": 35, "page": 25, "download": 25, "publish": 15}
"""Operation → its share in percent."""
BYTES = (2_000, 40_000, 3_000_000)
"""Sizes of published files: a text in the commit itself, a small and a larger binary."""
ROWS = 12
"""Rows of the table."""


@dataclass
class Traffic:
    """Counts of what the clients did so far. Threads only add to it."""

    counts: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    published: dict[tuple[str, str], str] = field(default_factory=dict)
    """Repository and path of each acknowledged file → its SHA-256."""
    wrong: list[str] = field(default_factory=list)
    """Downloads that differed from what was published."""


class Client:
    """A client with a repository of its own and a seed of its own."""

    def __init__(self, number: int, seed: int, address: str, secret: str, traffic: Traffic) -> None:
        self.chance, self.traffic, self.repo = random.Random(f"{seed} {number}"), traffic, f"admin/soak-{number}"
        self.api = HfApi(endpoint=address, token=secret)
        self.web = httpx.Client(base_url=address, timeout=60, follow_redirects=True)
        self.own: list[str] = []
        self.api.create_repo(self.repo)

    def run(self, ended: threading.Event) -> None:
        """Do one operation after the other until the end."""
        while not ended.is_set():
            [kind] = self.chance.choices(list(KINDS), list(KINDS.values()))
            try:
                getattr(self, kind)()
            except Exception as error:  # noqa: BLE001 - every failure of a request is counted
                self.traffic.errors[f"{kind}: {type(error).__name__} {str(error)[:120]}"] += 1
            self.traffic.counts[kind] += 1
        self.web.close()

    def search(self) -> None:
        """Search for a text."""
        self.web.get("/api/v1/search", params={"text": self.chance.choice(TEXTS)}).raise_for_status()

    def page(self) -> None:
        """Open a page."""
        self.web.get(self.chance.choice((*PAGES, f"/{self.repo}")), headers={"Accept": "text/html"}).raise_for_status()

    def publish(self) -> None:
        """Publish one or two files in a commit."""
        operations, digests = [], {}
        for _ in range(self.chance.randint(1, 2)):
            size, number = self.chance.choice(BYTES), len(self.own) + len(operations)
            content = (
                self.chance.randbytes(size // 2).hex().encode() if size == BYTES[0] else self.chance.randbytes(size)
            )
            path = f"files/{number}.{'txt' if size == BYTES[0] else 'dat'}"  # Not .bin: scanners take random bytes for broken pickles.
            operations.append(CommitOperationAdd(path_in_repo=path, path_or_fileobj=content))
            digests[path] = hashlib.sha256(content).hexdigest()
        self.api.create_commit(self.repo, operations, commit_message=f"Add {', '.join(digests)}")
        for path, digest in digests.items():
            self.traffic.published[self.repo, path] = digest
            self.own.append(path)

    def download(self) -> None:
        """Download a file that this client has published, and compare it."""
        if self.own:
            self.check(self.chance.choice(self.own))

    def check(self, path: str) -> None:
        """Compare a file with what was published."""
        response = self.web.get(f"/{self.repo}/resolve/main/{path}")
        response.raise_for_status()
        if hashlib.sha256(response.content).hexdigest() != self.traffic.published[self.repo, path]:
            self.traffic.wrong.append(f"{self.repo}/{path}")


@contextmanager
def store() -> Iterator[dict[str, str]]:
    """Run moto's S3 server with an empty bucket, and yield the variables that lead to it."""
    from tests.operate.nginx import free_port

    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            address = f"http://127.0.0.1:{port}"
            _until(lambda: httpx.get(f"{address}/moto-api/").status_code < 500)
            urllib.request.urlopen(urllib.request.Request(f"{address}/soak", method="PUT")).close()
            keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
            yield keys | {"AWS_ENDPOINT_URL": address, "AWS_ALLOW_HTTP": "true", "STORE_URL": "s3://soak/store"}
        finally:
            server.terminate()


def memory_of(server: Serving) -> list[float]:
    """Return the resident memory of each worker in MB, largest first."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    found = []
    for pid in children:
        try:
            is_worker = b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            continue  # It has just ended.
        if is_worker:
            found.append(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)
    return sorted(found, reverse=True)


def soak(options: argparse.Namespace, address: str, server: Serving) -> bool:
    """Run the clients, print the table, and return whether nothing failed."""
    traffic, ended = Traffic(), threading.Event()
    clients = [Client(number, options.seed, address, server.secret, traffic) for number in range(options.clients)]
    threads = [threading.Thread(target=each.run, args=(ended,), daemon=True) for each in clients]
    seconds = 60 * options.minutes
    reloads = [seconds * (number + 1) / (options.reloads + 1) for number in range(options.reloads)]
    began, totals = time.monotonic(), []
    print(
        f"{'minute':>7} {'requests':>9} {'errors':>7} {'published':>10} {'workers':>8} {'largest MB':>11} {'all MB':>8}"
    )
    for thread in threads:
        thread.start()
    for row in range(1, ROWS + 1):
        while (passed := time.monotonic() - began) < seconds * row / ROWS:
            if reloads and passed >= reloads[0]:
                reloads.pop(0)
                os.kill(server.pid, signal.SIGHUP)
            time.sleep(min(1.0, seconds / ROWS))
        memory = memory_of(server)
        totals.append(sum(memory))
        numbers = (traffic.counts.total(), traffic.errors.total(), len(traffic.published), len(memory))
        print(
            f"{passed / 60:7.1f} {numbers[0]:9d} {numbers[1]:7d} {numbers[2]:10d} {numbers[3]:8d} "
            f"{max(memory, default=0):11.0f} {sum(memory):8.0f}",
            flush=True,
        )
    ended.set()
    for thread in threads:
        thread.join(timeout=120)
    lost = _lost(clients, address)
    middle, end = statistics.median(totals[ROWS // 4 : ROWS // 2]), statistics.median(totals[-ROWS // 4 :])
    print(f"\n{', '.join(f'{count} {kind}' for kind, count in sorted(traffic.counts.items()))}")
    print(f"memory of the last quarter beside the second: {end / middle:.2f}")
    print(
        f"published {len(traffic.published)}, lost {len(lost)}, wrong {len(traffic.wrong)}, errors {traffic.errors.total()}"
    )
    for text, count in traffic.errors.most_common(10):
        print(f"  {count} × {text}")
    for text in [*lost, *traffic.wrong][:10]:
        print(f"  lost or wrong: {text}")
    return not (lost or traffic.wrong or traffic.errors)


def _lost(clients: list[Client], address: str) -> list[str]:
    """Return the published files that the server does not list or send."""
    lost = []
    for client in clients:
        client.web = httpx.Client(base_url=address, timeout=60, follow_redirects=True)
        listed = set(client.api.list_repo_files(client.repo))
        for path in client.own:
            try:
                client.check(path)
            except httpx.HTTPError as error:
                lost.append(f"{client.repo}/{path}: {error}")
            else:
                if path not in listed:
                    lost.append(f"{client.repo}/{path}: not listed")
        client.web.close()
    return lost


def _until(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        try:
            if condition():
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise SystemExit("the store does not start: is the extra `dev` installed?")


def main() -> int:
    """Start everything, load it, and stop it."""
    from tests.builders import postgres
    from tests.operate.nginx import nginx_before

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--clients", type=int, default=3)
    parser.add_argument("--reloads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    binaries = postgres.programs()
    if binaries is None:
        raise SystemExit(postgres.ABSENT)
    disable_progress_bars()
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        variables = stack.enter_context(store())
        variables["DATABASE_URL"] = postgres.a_database(stack.enter_context(postgres.a_cluster(binaries)))
        server = stack.enter_context(
            serving(home, "--proxy", "127.0.0.1", "--no-try", "--workers", str(options.workers), **variables)
        )
        address = stack.enter_context(nginx_before(server.address, home))
        is_fine = soak(options, address, server)
        if "Traceback" in (log := (home / "server.log").read_text()):
            print(log[log.index("Traceback") :][:4000])
            is_fine = False
    return 0 if is_fine else 1


if __name__ == "__main__":
    sys.exit(main())
