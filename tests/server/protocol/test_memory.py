"""Memory use does not grow with the size of transferred files. `benchmarks/memory.py` tests it with 5 GB."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.memory import SMALL_BYTES, transfer
from benchmarks.serving import serving
from benchmarks.upload import ask

LARGE_BYTES = 100_000_000
ROOM_MB = 32.0
"""A third of the file and half a xorb: room for a few buffers of 1 MiB and for the overhead of malloc."""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_transferring_a_large_file_takes_no_more_memory_than_a_small_one(tmp_path: Path):
    with serving(tmp_path) as server:
        ask(f"{server.address}/api/repos/create", server.secret, {"name": "memory", "type": "model"})
        small = transfer(server, tmp_path, SMALL_BYTES)
        large = transfer(server, tmp_path, LARGE_BYTES)
    for way, took in large.items():
        assert took["memory_mb"] - small[way]["memory_mb"] < ROOM_MB, f"{way}: {took} beside {small[way]}"
