"""The structure of a file decides what it is, so that valid safetensors are never taken for pickles, nor pickles for safetensors."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save
from torch import nn

from hub.cards.policy import file_problem
from hub.errors import DamagedFile, InvalidSource, WeightsDoNotFit
from hub.weights.file_kind import file_kind
from hub.weights.header import weights_problem
from hub.weights.strict import load_weights, read_header
from hub.weights.untrusted import read_contents

PICKLE_LIKE = [0x80 + 256 * protocol + 65536 * high for protocol in range(2, 6) for high in (0, 1, ord("}"), ord("c"))]
"""Lengths of headers whose first bytes are those of a pickle: 640, 896, 1152, 1408, and larger ones whose next byte is an opcode."""


def safetensors(header: dict[str, object] | None = None, *, length: int = 0, tail: bytes = b"\0" * 8) -> bytes:
    """Return a file with this header, which spaces make `length` bytes long."""
    entry = {"weight": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}
    text = json.dumps(entry if header is None else header).encode().ljust(length)
    return struct.pack("<Q", len(text)) + text + tail


def kind(raw: bytes) -> str:
    return file_kind(io.BytesIO(raw), len(raw))


@pytest.mark.parametrize("length", PICKLE_LIKE)
def test_a_header_of_any_length_is_safetensors_to_load_import_push_and_the_server(tmp_path: Path, length: int) -> None:
    raw = safetensors(length=length)
    path = tmp_path / "model.safetensors"
    path.write_bytes(raw)
    assert kind(raw) == "safetensors"
    assert file_problem("model.safetensors", io.BytesIO(raw), len(raw), policy="safetensors-only") is None
    assert list(read_header(path, what="small")) == ["weight"]
    assert list(read_contents(path, what="small").tensors) == ["weight"]


def test_import_reads_safetensors_whose_header_has_128_bytes_more_than_a_multiple_of_256(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    for length in range(128, 4096, 256):
        path.write_bytes(safetensors(length=length))
        assert read_contents(path, what="small").container == "safetensors"


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickles_are_pickles(tmp_path: Path, protocol: int) -> None:
    for value in ({"a": [1]}, [1, 2], "text", 1, {"weight": np.zeros(3)}, print):
        raw = pickle.dumps(value, protocol)
        assert kind(raw) == "pickle"
        path = tmp_path / "model.safetensors"
        path.write_bytes(raw)
        with pytest.raises(InvalidSource, match="are a pickle"):
            load_weights(nn.Linear(1, 1), path, what="small")


def test_a_pickle_that_begins_like_safetensors_is_a_pickle() -> None:
    # BINFLOAT swallows the rest of the length and the start of the "header"; what follows would be run by `pickle.load`.
    head = b"\x80\x02G\x00\x00\x00\x00\x00{xy"
    raw = (head + b"0cos\nsystem\n(S'true'\ntR.").ljust(0x470280 + 8, b" ")
    assert kind(raw) == "pickle"
    assert file_problem("harmless.dat", io.BytesIO(raw), len(raw), policy="safetensors-only") is not None


def test_truncated_safetensors_are_damaged_and_no_pickle(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors(length=640)[:-1])
    for read in (lambda: read_header(path, what="small"), lambda: read_contents(path, what="small")):
        with pytest.raises(DamagedFile, match="damaged"):
            read()


def test_archives_and_programs_are_recognised_and_plain_data_is_not() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a", b"a")
    assert kind(buffer.getvalue()) == "archive"
    assert kind(b"\x7fELF\2\1\1") == "program"
    for raw in (b"", b"\x80", b"{}", b"#!/bin/sh\necho\n", b"plain words", bytes(600), save({"a": np.zeros(2)})[:20]):
        assert kind(raw) == ""


@pytest.mark.parametrize(
    "header",
    [
        {"__metadata__": None, "w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}},
        {"w": {"dtype": "F4_E2M1_X2", "shape": [16], "data_offsets": [0, 8]}},
        {"w": {"dtype": "U128", "shape": [], "data_offsets": [0, 8]}},
    ],
    ids=["null metadata", "a later type", "a scalar of a later type"],
)
def test_null_metadata_and_types_of_later_versions_are_well_formed(header: dict[str, object]) -> None:
    raw = safetensors(header)
    assert weights_problem(io.BytesIO(raw), len(raw)) is None


@pytest.mark.parametrize(
    "header",
    [
        {"__metadata__": [], "w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}},
        {"w": {"dtype": "f 4", "shape": [16], "data_offsets": [0, 8]}},
        {"w": {"dtype": 4, "shape": [16], "data_offsets": [0, 8]}},
        {"w": {"dtype": "U128", "shape": [0], "data_offsets": [0, 8]}},
        {"w": {"dtype": "U128", "shape": [1], "data_offsets": [0, 7]}},
        {"w": {"dtype": "U128", "shape": [1], "data_offsets": [8, 0]}},
    ],
)
def test_metadata_types_and_sizes_that_make_no_sense_are_refused(header: dict[str, object]) -> None:
    raw = safetensors(header)
    assert weights_problem(io.BytesIO(raw), len(raw)) is not None


def test_weights_of_a_later_type_do_not_fit_and_are_not_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors({"w": {"dtype": "U128", "shape": [], "data_offsets": [0, 8]}}))
    with pytest.raises(WeightsDoNotFit, match="unsupported type `U128`"):
        read_header(path, what="small")
    path.write_bytes(safetensors({"w": {"dtype": "F32", "data_offsets": [0, 8]}}))
    with pytest.raises(DamagedFile):
        read_header(path, what="small")


def test_weights_with_null_metadata_load(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    entries = {
        "__metadata__": None,
        "bias": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
        "weight": {"dtype": "F32", "shape": [1, 1], "data_offsets": [4, 8]},
    }
    path.write_bytes(safetensors(entries))
    module = nn.Linear(1, 1)
    load_weights(module, path, what="small")
    assert torch.equal(module.weight, torch.zeros(1, 1))
