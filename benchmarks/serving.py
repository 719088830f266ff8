"""A `hub serve` of its own for a benchmark, and what it takes: processor time and memory, read from /proc (Linux)."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SERVE = (
    sys.executable,
    "-c",
    "import sys; from hub.cli import main; sys.exit(main(['serve', '--port', '0', *sys.argv[1:]]))",
)
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that answers."""

    address: str
    secret: str
    """Token of the administrator that the first start made; empty when the home is not new."""
    pid: int

    def processor_s(self) -> float:
        """Seconds of processor time of the server and its workers so far."""
        fields = (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in self._pids())
        return sum(int(each[11]) + int(each[12]) for each in fields) * _TICK_S

    def memory_mb(self, *, peak: bool = False) -> float:
        """Resident memory in MB, of the process that has most: now, or at the highest since `forget_peak`."""
        wanted = "VmHWM" if peak else "VmRSS"
        return max(_memory_kib(pid, wanted) for pid in self._pids()) * 1024 / 1e6

    def forget_peak(self) -> None:
        """Let `memory_mb(peak=True)` begin again from here."""
        for pid in self._pids():
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def _pids(self) -> list[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [self.pid, *map(int, children)]


def _memory_kib(pid: int, wanted: str) -> int:
    found = re.search(rf"{wanted}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) if found else 0


@contextmanager
def serving(home: Path, *options: str, **variables: str) -> Iterator[Serving]:
    """Start `hub serve` on a free port with `home`, wait until it answers, and end it afterwards."""
    environment = os.environ | {
        "HUB_HOME": str(home),
        "HUB_CARDS": str(home / "cards"),
        "PYTHONUNBUFFERED": "1",
        **variables,
    }
    command = [*SERVE, *options]
    is_new = not (home / "started").exists() and not (home / "registry.db").exists()
    with (
        (home / "server.log").open("wb") as log,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True) as server,
    ):
        assert server.stdout is not None
        try:
            said = server.stdout.readline()
            address = re.search(r"http://[\w.:]+", said)
            assert address is not None, said
            secret = server.stdout.readline().split()[-1] if is_new else ""
            (home / "started").touch()
            yield Serving(address[0], secret, server.pid)
        finally:
            server.send_signal(signal.SIGTERM)
            _end(server)


def _end(server: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 20
    while server.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    if server.poll() is None:
        server.kill()
