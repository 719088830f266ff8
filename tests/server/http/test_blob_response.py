"""Files are sent whole and in ranges, alike whether the kernel has them in memory or not."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from server.http import blob_response
from server.http.blob_response import CHUNK_BYTES, BlobResponse

CONTENT = random.Random(3).randbytes(3 * CHUNK_BYTES + 12_345)


@pytest.fixture(params=["in memory", "on the disk", "by a thread alone"])
def client(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    if request.param == "on the disk":
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if request.param == "by a thread alone":
        monkeypatch.setattr(blob_response, "_AT_ONCE", None)
    return TestClient(BlobResponse(path))


def test_a_file_arrives_whole(client: TestClient):
    answer = client.get("/")
    assert (answer.status_code, answer.content) == (200, CONTENT)


@pytest.mark.parametrize(("first", "end"), [(0, 1), (5, CHUNK_BYTES + 6), (len(CONTENT) - 7, len(CONTENT))])
def test_a_range_arrives(client: TestClient, first: int, end: int):
    answer = client.get("/", headers={"Range": f"bytes={first}-{end - 1}"})
    assert (answer.status_code, answer.content) == (206, CONTENT[first:end])


def test_several_ranges_arrive(client: TestClient):
    answer = client.get("/", headers={"Range": f"bytes=10-19,{CHUNK_BYTES}-{CHUNK_BYTES + 9}"})
    assert answer.status_code == 206
    assert CONTENT[10:20] in answer.content
    assert CONTENT[CHUNK_BYTES : CHUNK_BYTES + 10] in answer.content
