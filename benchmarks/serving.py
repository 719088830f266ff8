"""Start `hub serve` for a benchmark, and read its processor time and memory from /proc (Linux)."""

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
    """A running server."""

    address: str
    secret: str
    """Token of the administrator that the first start created; empty if the home is not new."""
    pid: int

    def processor_s(self) -> float:
        """Return the processor time of the server and its workers so far, in seconds."""
        fields = (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in self._pids())
        return sum(int(each[11]) + int(each[12]) for each in fields) * _TICK_S

    def memory_mb(self, *, peak: bool = False) -> float:
        """Return the resident memory of the largest process in MB: current, or the peak since `reset_peak`."""
        wanted = "VmHWM" if peak else "VmRSS"
        return max(_memory_kib(pid, wanted) for pid in self._pids()) * 1024 / 1e6

    def reset_peak(self) -> None:
        """Reset the peak of `memory_mb(peak=True)`."""
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
    """Start `hub serve` with `home` on a free port, wait until it responds, and stop it afterwards."""
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
