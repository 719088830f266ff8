"""The number of torch threads for small models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from hub.weights.strict import load_weights, save_weights
from hub.weights.threads import SMALL, limit_threads

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("before", "device", "parameters", "wanted"),
    [
        pytest.param(2, CPU, SMALL, 1, id="small model"),
        pytest.param(2, CPU, SMALL + 1, 2, id="large model"),
        pytest.param(4, CPU, 0, 4, id="more cores"),
        pytest.param(2, torch.device("cuda"), 0, 2, id="GPU"),
    ],
)
def test_a_small_model_on_two_cores_uses_one_thread_until_the_block_ends(
    before: int, device: torch.device, parameters: int, wanted: int
) -> None:
    torch.set_num_threads(before)
    with limit_threads(device, parameters):
        assert torch.get_num_threads() == wanted
    assert torch.get_num_threads() == before


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> Callable[..., set[int]]:
    """Return a function that makes a class record the numbers of threads with which a method of it runs."""

    def record(owner: Any, method: str) -> set[int]:
        found: set[int] = set()
        real = getattr(owner, method)

        def recorded(*given: Any, **settings: Any) -> Any:
            found.add(torch.get_num_threads())
            return real(*given, **settings)

        monkeypatch.setattr(owner, method, recorded)
        return found

    return record


def test_a_small_base_is_loaded_with_one_thread(load: Any, used: Callable[..., set[int]]) -> None:
    torch.set_num_threads(2)
    threads = used(UNet2DConditionModel, "from_pretrained")
    load()
    assert threads == {1}
    assert torch.get_num_threads() == 2


def test_small_weights_are_converted_with_one_thread(tmp_path: Path, used: Callable[..., set[int]]) -> None:
    path = tmp_path / "model.safetensors"
    save_weights(nn.Linear(2, 2), path, torch.float16)
    torch.set_num_threads(2)
    threads = used(Tensor, "to")
    load_weights(nn.Linear(2, 2), path, what="small", dtype=torch.float32)
    assert threads == {1}
    assert torch.get_num_threads() == 2
