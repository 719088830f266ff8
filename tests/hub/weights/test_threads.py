"""The number of torch threads for small models."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

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
