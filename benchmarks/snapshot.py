"""Measure `snapshot_download` of a repository of 5,000 files, against nginx serving the same files to the same client.

python -m benchmarks.snapshot SCRATCH [--files 5000] [--rounds 3]

The peer is nginx with the files in a folder and the two JSON documents that the client reads first, as files; it needs no database, no
permissions and no other revisions. The client is `huggingface_hub`, a process of its own for each download, with a new cache.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from benchmarks.download import nginx
from benchmarks.serving import serving
from hub.home import Home
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.commit import commit, create
from hub.records import File
from hub.registry.accounts.permissions import Actor

NAME = "speed/many"
SIZE_BYTES = 1024
CLIENT = f"from huggingface_hub import snapshot_download; snapshot_download({NAME!r})"
PEER = """
        location = /api/models/{name}/revision/main {{ default_type application/json; alias {folder}/revision.json; }}
        location = /api/models/{name}/tree/{oid} {{ default_type application/json; alias {folder}/tree.json; }}
        location /{name}/resolve/{oid}/ {{ add_header X-Repo-Commit {oid}; alias {folder}/files/; }}
"""


def publish(home: Path, count: int, folder: Path) -> None:
    """Commit `count` different small files to a repository, and write them to a folder."""
    actor = Actor("speed")
    with LocalHub.open(Home(home / "registry.db", home, home / "cards")) as hub:
        hub.accounts.add("speed", actor)
        create(ArtifactName.parse(NAME, "speed"), hub.registry, hub.store, actor)
        files = []
        for number in range(count):
            path, content = f"{number // 100:03}/{number:05}.txt", f"{number:05} ".encode() * (SIZE_BYTES // 6)
            files.append(File(path, *hub.store.put(content)))
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
            # nginx makes an ETag of time and size, and clients download what has the same one once.
            os.utime(folder / path, (number, number))
        artifact = hub.registry.get(ArtifactName.parse(NAME, "speed"))
        commit(artifact, files, hub.registry, hub.store, actor, message="Add files")


def save_documents(address: str, folder: Path) -> str:
    """Save what nginx has to answer beside the files, with the pages of the tree in one. Return the commit."""
    with urllib.request.urlopen(f"{address}/api/models/{NAME}/revision/main") as answer:
        (folder / "revision.json").write_bytes(content := answer.read())
    oid: str = json.loads(content)["sha"]
    with urllib.request.urlopen(
        f"{address}/{NAME}/resolve/{oid}/.gitattributes"
    ) as answer:  # Every repository has one.
        (folder / "files" / ".gitattributes").write_bytes(answer.read())
    entries, page = [], f"{address}/api/models/{NAME}/tree/{oid}?recursive=true"
    while page:
        with urllib.request.urlopen(page) as answer:
            entries += json.load(answer)
            link = answer.headers.get("Link", "")
        page = link.partition("<")[2].partition(">")[0]
    (folder / "tree.json").write_text(json.dumps(entries))
    return oid


def download(address: str, scratch: Path, count: int) -> tuple[float, float]:
    """Download the repository into a new cache. Return seconds of wall-clock time, and the client's of processor time."""
    cache = Path(tempfile.mkdtemp(dir=scratch))
    environment = os.environ | {"HF_ENDPOINT": address, "HF_HOME": str(cache), "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", CLIENT], env=environment, check=True)
    took = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert sum(path.is_file() for path in cache.glob("hub/*/snapshots/*/*/*")) == count
    assert sum(path.is_file() for path in cache.glob("hub/*/blobs/*")) == count + 1
    shutil.rmtree(cache)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure in turn and print one JSON object."""
    reader = argparse.ArgumentParser()
    reader.add_argument("scratch", type=Path)
    reader.add_argument("--files", type=int, default=5000)
    reader.add_argument("--rounds", type=int, default=3)
    options = reader.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=options.scratch))
    took: dict[str, list[tuple[float, float]]] = {"server": [], "nginx": []}
    busy = []
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, scratch)
        (home := scratch / "home").mkdir()
        publish(home, options.files, scratch / "files")
        server = stack.enter_context(serving(home, HUB_RATE_LIMITS="off"))
        oid = save_documents(server.address, scratch)
        peer = PEER.format(name=NAME, oid=oid, folder=scratch)
        addresses = {
            "server": server.address,
            "nginx": stack.enter_context(nginx(server.address, scratch / "files", peer)).address,
        }
        for _ in range(options.rounds):
            for name, address in addresses.items():
                before = server.processor_s()
                took[name].append(download(address, scratch, options.files))
                busy += [server.processor_s() - before] if name == "server" else []
    walls, clients = ({name: statistics.median(e[at] for e in each) for name, each in took.items()} for at in (0, 1))
    report = {
        "claim": "a snapshot of 5,000 files takes at most 1.2 times as long as from nginx",
        "files": options.files,
        "seconds": {name: round(each, 2) for name, each in walls.items()},
        "client_processor_s": {name: round(each, 2) for name, each in clients.items()},
        "server_processor_s": round(statistics.median(busy), 2),
        "peer_is": "nginx with the same files, for the same client",
        "ratio": round(walls["server"] / walls["nginx"], 3),
        "machine": f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
