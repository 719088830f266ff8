"""`hub worker evaluate` as a process without anything to evaluate."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from hub.local import LocalHub
from tests.builders import ROOT
from tests.builders.processes import running


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_worker_stops_when_it_is_told_to(number: signal.Signals, hub: LocalHub) -> None:
    script = "from hub.cli.commands import as_command; from trainers.rescoring.commands import worker; as_command('worker', worker)(['evaluate'])"
    with running([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "Evaluating pushed artifacts. Stop with Ctrl+C.\n"
        process.send_signal(number)
        assert process.wait(30) == 0
        assert process.stdout.read().startswith("0 evaluations.")


def test_the_worker_waits_without_torch(hub: LocalHub) -> None:
    script = (
        "import sys; from hub.cli.commands import as_command; from trainers.rescoring.commands import worker\n"
        "as_command('worker', worker).main(args=['evaluate', '--once'], standalone_mode=False)\n"
        "print(json.dumps(sorted({'torch', 'diffusers', 'transformers'} & set(sys.modules))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import json; {script}"], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [], done.stderr
