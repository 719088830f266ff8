"""Weights fit a module exactly, or are refused; they are written whole, or not at all."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from hub.errors import DamagedFile, Unreachable, WeightsDoNotFit
from hub.systems.architectures import build
from hub.weights.header import MAX_HEADER_BYTES
from hub.weights.strict import load_weights, save_weights, stored_dtype


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Weights of a projector, float16."""
    torch.manual_seed(0)
    save_weights(small(), tmp_path / "model.safetensors", torch.float16)
    return tmp_path / "model.safetensors"


def small() -> nn.Module:
    """A projector of a few hundred weights."""
    return build("projector", {"in_width": 6, "out_width": 4, "hidden_width": 5})


def test_weights_survive_a_round_trip_in_the_type_they_are_stored_in(path: Path) -> None:
    with torch.device("meta"):
        module = small()
    load_weights(module, path, what="small")
    for key, value in load_file(path).items():
        assert torch.equal(module.state_dict()[key], value)
        assert value.dtype == torch.float16
    assert stored_dtype(path, what="small") == torch.float16


def test_another_dtype_can_be_requested(path: Path) -> None:
    module = small()
    load_weights(module, path, what="small", dtype=torch.float32)
    assert {parameter.dtype for parameter in module.parameters()} == {torch.float32}


def test_a_module_that_learns_still_learns_after_loading(path: Path) -> None:
    module = small()
    load_weights(module, path, what="small", dtype=torch.float32)
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_a_refused_file_leaves_the_module_as_it_was(path: Path) -> None:
    module = build("projector", {"in_width": 6, "out_width": 4, "hidden_width": 7})
    before = {key: value.clone() for key, value in module.state_dict().items()}
    with pytest.raises(WeightsDoNotFit, match=r"`projector.0.weight` is 5×6 and should be 7×6"):
        load_weights(module, path, what="small")
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"1234567",
        struct.pack("<Q", 1 << 60),
        struct.pack("<Q", 4) + b"null",
        struct.pack("<Q", 2) + b"{}x",
        struct.pack("<Q", MAX_HEADER_BYTES + 1) + b"{}".ljust(MAX_HEADER_BYTES + 1),
    ],
    ids=["empty", "seven bytes", "endless header", "no object", "something behind", "header above the limit"],
)
def test_a_file_that_is_not_safetensors_is_damaged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(DamagedFile, match="hub pull small"):
        load_weights(small(), path, what="small")


def test_a_header_that_contradicts_its_sizes_is_damaged(path: Path) -> None:
    content = path.read_bytes()
    changed = content.replace(b'"shape":[5,6]', b'"shape":[6,5]').replace(b'"shape":[4,5]', b'"shape":[4,6]')
    path.write_bytes(changed)
    with pytest.raises((DamagedFile, WeightsDoNotFit)):
        load_weights(small(), path, what="small")


def test_an_unknown_dtype_is_refused_by_name(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"F16"', b'"F17"'))
    with pytest.raises(WeightsDoNotFit, match="F17"):
        load_weights(small(), path, what="small")


def test_double_precision_is_refused(tmp_path: Path) -> None:
    save_file({key: value.double() for key, value in small().state_dict().items()}, tmp_path / "x.safetensors")
    with pytest.raises(WeightsDoNotFit, match="is float64 and should be float32, float16 or bfloat16"):
        load_weights(small(), tmp_path / "x.safetensors", what="small")


def test_an_unwritable_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unreachable, match="weights cannot be written to `file`"):
        save_weights(small(), tmp_path / "file" / "model.safetensors")


def test_nothing_unfinished_stays_behind(path: Path) -> None:
    save_weights(small(), path)
    assert [each.name for each in path.parent.iterdir()] == ["model.safetensors"]
