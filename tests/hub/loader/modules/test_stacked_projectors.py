"""Projectors picked out of a stack compute what each computes alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from hub.loader.modules.stacked_projectors import ProjectorBank
from hub.systems.architectures import build


@pytest.mark.parametrize(
    "sizes",
    [{}, {"pooled_width": 4}, {"pooled_width": 4, "pooled_from": "fc"}],
    ids=["sd15", "sdxl and sd3", "flux"],
)
def test_a_stack_gives_each_row_its_own_projector(sizes: dict[str, Any]) -> None:
    torch.manual_seed(0)
    projectors: list[Any] = [
        build("projector", {"in_width": 6, "out_width": 8, "hidden_width": 5, **sizes}) for _ in range(3)
    ]
    tokens_BLE, which_B = torch.randn(4, 3, 6), torch.tensor([2, 0, 1, 2])
    alone = [projectors[which](tokens_BLE[row : row + 1]) for row, which in enumerate(which_B.tolist())]
    found = ProjectorBank(projectors)(tokens_BLE, which_B)
    torch.testing.assert_close(found.tokens_BLC, torch.cat([each.tokens_BLC for each in alone]))
    if sizes:
        assert found.pooled_BP is not None
        torch.testing.assert_close(found.pooled_BP, torch.cat([each.pooled_BP for each in alone]))
