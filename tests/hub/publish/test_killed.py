"""A killed push leaves no row without its blob, and can be repeated."""

import signal
import subprocess
import sys

import pytest

from hub.maintenance.verify import verify
from hub.names import ArtifactName
from hub.publish.publish import publish
from tests.builders.artifacts import a_folder
from tests.builders.hub import a_hub

SCRIPT = """
import os, signal, sys
from pathlib import Path
import hub.publish.publish, hub.store.writing
from hub.names import ArtifactName
from hub.registry import Registry
from tests.builders.hub import a_hub

def die(*_args, **_options):
    os.kill(os.getpid(), signal.SIGKILL)

place, root = sys.argv[1], Path(sys.argv[2])
opened = a_hub(root)
match place:
    case "while writing a blob":
        hub.store.writing.Unfinished.finish = die
    case "after the blobs":
        Registry.record = die
    case "inside the transaction":
        import hub.registry.artifacts.record
        hub.registry.artifacts.record.enqueue_reference = die
    case "after the transaction":
        hub.publish.publish.drain_outbox = die
hub.publish.publish.publish(root / "mulan-yo", ArtifactName("local", "mulan-yo"), opened.registry, opened.store)
"""


@pytest.mark.parametrize(
    "place", ["while writing a blob", "after the blobs", "inside the transaction", "after the transaction"]
)
def test_a_push_killed_half_way_leaves_no_fault_and_can_be_repeated(tmp_path, place):
    a_folder(tmp_path / "mulan-yo")
    killed = subprocess.run(
        [sys.executable, "-c", SCRIPT, place, str(tmp_path)], check=False, capture_output=True, timeout=300
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    with a_hub(tmp_path) as hub:
        assert [problem.text for problem in verify(hub.registry, hub.store) if problem.is_fault] == []
        assert hub.registry.names() == (["local/mulan-yo"] if place == "after the transaction" else [])
        publish(tmp_path / "mulan-yo", ArtifactName("local", "mulan-yo"), hub.registry, hub.store)
        hub.index()
        assert len(hub.registry.revisions("mulan-yo")) == 1
        assert [name for name, _ in hub.store.references()] == ["local/mulan-yo"]
        notes = [problem.text for problem in verify(hub.registry, hub.store)]
        assert len(notes) <= 2, notes
