"""A killed push leaves no row without its blob, and can be repeated."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hub.maintenance.verify import verify
from hub.names import ArtifactName
from hub.publish.publish import publish
from tests.builders.artifacts import a_folder
from tests.builders.hub import a_hub

SCRIPT = """
import json, os, signal, sys
from pathlib import Path
import hub.publish.publish, hub.registry.artifacts.record, hub.store.writing
from hub.names import ArtifactName
from hub.registry import Registry
from tests.builders.hub import a_hub

def die(*_args, **_options):
    os.kill(os.getpid(), signal.SIGKILL)

def push(place, root):
    opened = a_hub(root)
    match place:
        case "while writing a blob":
            hub.store.writing.Unfinished.finish = die
        case "after the blobs":
            Registry.record = die
        case "inside the transaction":
            hub.registry.artifacts.record.enqueue_reference = die
        case "after the transaction":
            hub.publish.publish.drain_outbox = die
    hub.publish.publish.publish(root / "mulan-yo", ArtifactName("local", "mulan-yo"), opened.registry, opened.store)

ends = {}
for place, root in json.loads(sys.argv[1]).items():
    if not (child := os.fork()):
        push(place, Path(root))
        os._exit(0)
    ends[place] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(json.dumps(ends))
"""
"""Pushes in a process for each place, forked from one that has imported everything, and prints how each ended."""
PLACES = ("while writing a blob", "after the blobs", "inside the transaction", "after the transaction")


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> dict[str, Path]:
    """Return the folder of each place, where a push was killed."""
    folders = {place: tmp_path_factory.mktemp("killed") for place in PLACES}
    for folder in folders.values():
        a_folder(folder / "mulan-yo")
    asked = json.dumps({place: str(folder) for place, folder in folders.items()})
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, asked], check=False, capture_output=True, text=True, timeout=300
    )
    assert json.loads(done.stdout) == dict.fromkeys(PLACES, -signal.SIGKILL), done.stderr
    return folders


@pytest.mark.parametrize("place", PLACES)
def test_a_push_killed_half_way_leaves_no_fault_and_can_be_repeated(killed, place):
    folder = killed[place]
    with a_hub(folder) as hub:
        assert [problem.text for problem in verify(hub.registry, hub.store) if problem.is_fault] == []
        assert hub.registry.names() == (["local/mulan-yo"] if place == "after the transaction" else [])
        publish(folder / "mulan-yo", ArtifactName("local", "mulan-yo"), hub.registry, hub.store)
        hub.index()
        assert len(hub.registry.revisions("mulan-yo")) == 1
        assert [name for name, _ in hub.store.references()] == ["local/mulan-yo"]
        notes = [problem.text for problem in verify(hub.registry, hub.store)]
        assert len(notes) <= 2, notes
