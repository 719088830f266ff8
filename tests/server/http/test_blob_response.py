"""Files and ranges are sent from the page cache, from the disk, and in a thread."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from hub.store.composed import Piece
from server.http import blob_response
from server.http.blob_response import CHUNK_BYTES, BlobResponse

CONTENT = random.Random(3).randbytes(3 * CHUNK_BYTES + 12_345)


@pytest.fixture(params=["read already", "in memory", "on the disk", "in a thread only", "in pieces"])
def client(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    if request.param == "on the disk":
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if request.param == "in a thread only":
        monkeypatch.setattr(blob_response, "_NOWAIT", None)
    pieces = [Piece(path, 0, len(CONTENT))]
    if request.param == "in pieces":
        (other := tmp_path / "other").write_bytes(b"before" + CONTENT[15:-3] + b"after")
        pieces = [Piece(path, 0, 15), Piece(other, 6, len(CONTENT) - 18), Piece(path, len(CONTENT) - 3, 3)]
    return TestClient(BlobResponse(CONTENT if request.param == "read already" else pieces))


def test_a_file_is_sent_completely(client: TestClient):
    response = client.get("/")
    assert (response.status_code, response.content) == (200, CONTENT)


@pytest.mark.parametrize(("first", "end"), [(0, 1), (5, CHUNK_BYTES + 6), (len(CONTENT) - 7, len(CONTENT))])
def test_a_range_is_sent(client: TestClient, first: int, end: int):
    response = client.get("/", headers={"Range": f"bytes={first}-{end - 1}"})
    assert (response.status_code, response.content) == (206, CONTENT[first:end])


def test_several_ranges_are_sent(client: TestClient):
    response = client.get("/", headers={"Range": f"bytes=10-19,{CHUNK_BYTES}-{CHUNK_BYTES + 9}"})
    assert response.status_code == 206
    assert CONTENT[10:20] in response.content
    assert CONTENT[CHUNK_BYTES : CHUNK_BYTES + 10] in response.content
