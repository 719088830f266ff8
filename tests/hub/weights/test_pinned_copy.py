"""Through the ring of buffers every byte arrives, whatever its type, shape and place; on a GPU the same code with locked memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from hub.errors import DamagedFile
from hub.weights import pinned_copy
from hub.weights.pinned_copy import PinnedRing, move_module
from hub.weights.strict import load_weights, read_header

CPU = torch.device("cpu")
SIZES = [1, 7, 64, 1000, 1 << 20]
"""Bytes of a buffer: shorter than a number, than a tensor, and longer than all of them together."""


def tensors() -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(0)
    return {
        "large": torch.randn(40, 30, generator=random),
        "half": torch.randn(33, generator=random).half(),
        "brain": torch.randn(5, 5, generator=random).bfloat16(),
        "number": torch.tensor(7),
        "nothing": torch.zeros(0, 3),
        "flags": torch.rand(9, generator=random) < 0.5,
    }


def places(path: Path) -> dict[str, pinned_copy.TensorLocation]:
    return {name: (entry.start, entry.shape, entry.dtype) for name, entry in read_header(path, what="it").items()}


def same(found: Tensor, expected: Tensor) -> bool:
    return found.dtype == expected.dtype and torch.equal(found.cpu(), expected)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("buffers", [1, 2, 3])
def test_a_file_is_read_completely_through_buffers_of_any_size(size: int, buffers: int, tmp_path: Path) -> None:
    save_file(tensors(), tmp_path / "all.safetensors")
    found = pinned_copy.read_tensors(
        tmp_path / "all.safetensors", places(tmp_path / "all.safetensors"), PinnedRing(CPU, size, buffers)
    )
    expected = load_file(tmp_path / "all.safetensors")
    assert found.keys() == expected.keys()
    assert all(same(found[name], value) for name, value in expected.items())


@pytest.mark.parametrize("size", SIZES)
def test_a_module_is_moved_with_its_buffers_and_shared_tensors_stay_shared(size: int) -> None:
    module = nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Linear(6, 6))
    module[2].weight = module[0].weight
    before = {name: (value.clone(), value.data_ptr()) for name, value in module.state_dict().items()}
    move_module(module, PinnedRing(CPU, size))
    for name, value in module.state_dict().items():
        assert same(value, before[name][0])
        assert value.data_ptr() != before[name][1], "it was not brought"
    assert module[2].weight is module[0].weight


def test_a_tensor_that_lies_otherwise_in_memory_arrives_as_it_is_seen() -> None:
    turned = torch.arange(12.0).reshape(3, 4).T
    assert torch.equal(PinnedRing(CPU, 10).copy(turned), turned)


def test_a_file_that_is_cut_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "all.safetensors"
    save_file(tensors(), path)
    known = places(path)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(EOFError, match="ended before its last tensor"):
        pinned_copy.read_tensors(path, known, PinnedRing(CPU, 64))


def test_buffers_are_no_larger_than_needed() -> None:
    assert [len(each) for each in PinnedRing.of(CPU, 1001)._buffers] == [501, 501]
    assert [len(each) for each in PinnedRing.of(CPU, 10**12)._buffers] == [
        pinned_copy.BUFFER_BYTES
    ] * pinned_copy.BUFFERS


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device: the tests above run the same code")
@pytest.mark.parametrize("size", [64, 1 << 20])
def test_on_a_gpu_all_of_it_arrives_from_locked_memory(size: int, tmp_path: Path) -> None:
    device, path = torch.device("cuda"), tmp_path / "all.safetensors"
    save_file(tensors(), path)
    ring = PinnedRing(device, size)
    assert all(each.is_pinned() for each in ring._buffers)
    found = pinned_copy.read_tensors(path, places(path), ring)
    assert all(value.device.type == "cuda" and same(value, tensors()[name]) for name, value in found.items())
    module, twin = nn.Linear(300, 300), nn.Linear(300, 300)
    twin.load_state_dict(module.state_dict())
    move_module(module, ring)
    assert module.weight.device.type == "cuda"
    assert same(module.weight, twin.weight)
    save_file(twin.state_dict(), path)
    load_weights(module, path, what="it", device=device)
    assert same(module.weight, twin.weight)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(DamagedFile):
        load_weights(module, path, what="it", device=device)
