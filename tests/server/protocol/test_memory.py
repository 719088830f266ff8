"""A server's memory does not grow with the files that go through it. `benchmarks/memory.py` does the same with 5 GB."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.memory import SMALL_BYTES, transfer
from benchmarks.serving import serving
from benchmarks.upload import ask

LARGE_BYTES = 200_000_000
ROOM_MB = 32.0
"""A tenth of what holding the file once would take, and half a xorb: pieces of 1 MiB in a few places, and malloc's own slack."""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_a_large_file_takes_no_more_memory_than_a_small_one_up_and_down(tmp_path: Path):
    with serving(tmp_path) as server:
        ask(f"{server.address}/api/repos/create", server.secret, {"name": "memory", "type": "model"})
        small = transfer(server, tmp_path, SMALL_BYTES)
        large = transfer(server, tmp_path, LARGE_BYTES)
    for way, took in large.items():
        assert took["memory_mb"] - small[way]["memory_mb"] < ROOM_MB, f"{way}: {took} beside {small[way]}"
