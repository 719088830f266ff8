"""Measure what requests for files cost in large repositories and in one with 200 scores, relative to one of 10 files: all the same.

python -m benchmarks.files [--files 99000]

The repositories are made in the index directly; all their files share one blob. Requests run in this process, without a network.
The recursive tree and the page of a folder return 1,000 entries in the large repositories, and are measured per entry.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from hub.home import Home
from hub.local import LocalHub
from hub.names import ArtifactName, Digest
from hub.publish.commit import commit
from hub.records import Artifact, File, Provenance, Revision, Score
from hub.registry.accounts.permissions import Actor
from server import create_app

DEEP = "/".join("d" * 300)
FEW = 10
SCORES = 200
API = "/api/models/ada/{0}"
REQUESTS: dict[str, tuple[str, str, Any]] = {
    "head": ("HEAD", "/ada/{0}/resolve/main/README.md", None),
    "get": ("GET", "/ada/{0}/resolve/main/README.md", None),
    "head, 300 deep": ("HEAD", f"/ada/{{0}}/resolve/main/{DEEP}/file", None),
    "tree of a folder": ("GET", f"{API}/tree/main/near", None),
    "tree of a folder, with commits": ("GET", f"{API}/tree/main/near?expand=true", None),
    "tree, 300 deep": ("GET", f"{API}/tree/main/{DEEP}", None),
    "tree page": ("GET", f"{API}/tree/main/far", None),
    "recursive tree": ("GET", f"{API}/tree/main?recursive=true", None),
    "paths-info": ("POST", f"{API}/paths-info/main", {"paths": ["README.md", "near", "far", f"{DEEP}/file", "absent"]}),
    "missing file": ("HEAD", "/ada/{0}/resolve/main/READNE.md", None),
}


def make_repository(
    hub: LocalHub, name: str, digit: str, count: int, blob: tuple[Digest, int], scores: tuple[Score, ...] = ()
) -> float:
    """Record a repository with `count` files in folders of 20, and a few others. Return the seconds of processor time."""
    owned = ArtifactName("ada", name)
    paths = ["README.md", f"{DEEP}/file", *(f"near/{number}" for number in range(5))]
    paths += [f"far/{number // 20}/{number}" for number in range(count)]
    artifact = Artifact(name=owned, kind="model", summary="", license="", languages=(), scores=scores)
    files = tuple(File(path, *blob) for path in sorted(paths))
    revision = Revision(id=digit * 64, artifact=owned, number=1, created_at=None, message="", files=files)
    began = time.process_time()
    hub.registry.record(artifact, revision, None)
    return time.process_time() - began


def commit_few(hub: LocalHub, name: str) -> float:
    """Commit three changed files to a repository. Return the seconds of processor time."""
    artifact = hub.registry.get(ArtifactName("ada", name))
    changes = [File(f"near/{number}", *hub.store.put(f"{name} {number}".encode())) for number in range(3)]
    began = time.process_time()
    commit(artifact, changes, hub.registry, hub.store, Actor("ada"), message="Change three files")
    return time.process_time() - began


def least_ms(ask: Callable[[], int], count: int) -> tuple[float, int]:
    """Return the least processor time of a request in milliseconds, which other programs disturb least, and what it returned."""
    times, entries = [], ask()
    for _ in range(count):
        began = time.process_time()
        entries = ask()
        times.append((time.process_time() - began) * 1e3)
    return min(times), entries


def measure(client: TestClient, name: str, count: int) -> dict[str, tuple[float, int]]:
    """Return milliseconds of each request and the number of entries that it returns."""

    def ask(method: str, path: str, body: Any) -> int:
        answer = client.request(method, path.format(name), json=body)
        assert answer.status_code in {200, 404}, answer.text
        is_list = method != "HEAD" and answer.headers["content-type"] == "application/json"
        return len(answer.json()) if is_list else 1

    return {
        what: least_ms(lambda asked=asked: ask(*asked), count)  # type: ignore[misc]  # bound in the loop
        for what, asked in REQUESTS.items()
    }


def main() -> None:
    """Measure and print one JSON object."""
    reader = argparse.ArgumentParser()
    reader.add_argument("--files", type=int, nargs="+", default=[10_000, 99_000])
    reader.add_argument("--requests", type=int, default=30)
    options = reader.parse_args()
    report: dict[str, Any] = {
        "claim": "a request for files costs the same with 10 and with 99,000 files, and with 200 scores"
    }
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder, "registry.db"), Path(folder), Path(folder, "no-cards"))
        with LocalHub.open(home) as hub, TestClient(create_app(hub)) as client:
            blob = hub.store.put(b"# A card\n")
            for number, count in enumerate((FEW, *options.files), 1):
                seconds = make_repository(hub, f"files-{count}", str(number), count, blob)
                report[f"record {count} files, s"] = round(seconds, 2)
                report[f"commit 3 files to {count}, s"] = round(commit_few(hub, f"files-{count}"), 2)
            score = Score(
                metric="recall_at_1", value=0.5, benchmark="xtd10", provenance=Provenance.SELF_REPORTED, source=__file__
            )
            scores = tuple(replace(score, split=f"split-{number}") for number in range(SCORES))
            make_repository(hub, "scored", "9", FEW, blob, scores)
            peer = measure(client, f"files-{FEW}", options.requests)
            others = {f"{count} files": f"files-{count}" for count in options.files} | {f"{SCORES} scores": "scored"}
            for label, name in others.items():
                report[label] = {
                    what: {
                        "ms": round(ms, 2),
                        "entries": entries,
                        "peer_ms": round(peer[what][0], 2),
                        "ratio": round(ms / peer[what][0], 2),
                        "ms_per_entry": round(ms / max(1, entries), 3),
                    }
                    for what, (ms, entries) in measure(client, name, options.requests).items()
                }
    report["peer_is"] = f"a repository of {FEW} files"
    report["machine"] = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
