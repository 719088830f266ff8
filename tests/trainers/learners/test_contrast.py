"""Contrast over two processes equals contrast over one batch: the same losses, and the same gradients after averaging."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from tests.builders.training import processes as launching
from trainers.learners.contrast import all_gather_rows, symmetric_contrast
from trainers.loop.distributed import close_process_group, open_accelerator, share_gradients

FLAGGED = [0, 4, 5, 7]
"""Unevenly split between the halves, as English texts are in practice."""


class Contrasted(nn.Module):
    """A small version of mCLIP's loss: all texts with all images at a trained scale, plus a term for the flagged ones."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.text, self.image = nn.Linear(5, 3), nn.Linear(4, 3, bias=False)
        self.log_scale = nn.Parameter(torch.tensor([2.0]))

    def loss(self, rows_B: Tensor) -> Tensor:
        """Return the loss over the rows of all processes; `rows_B` are this process's rows."""
        random = torch.Generator().manual_seed(8)
        x_85, y_84 = torch.randn(8, 5, generator=random), torch.randn(8, 4, generator=random)
        group_8 = torch.tensor([0, 1, 2, 3, 4, 1, 5, 0])  # two groups have a row in either half
        flag_8 = torch.zeros(8, dtype=torch.bool)
        flag_8[FLAGGED] = True
        own = (self.text(x_85[rows_B]), self.image(y_84[rows_B]), group_8[rows_B], flag_8[rows_B])
        text, image, group, flag = map(all_gather_rows, own)
        again = symmetric_contrast(text[flag], image[flag], 2.659, group[flag])
        return symmetric_contrast(text, image, self.log_scale.exp(), group) + 0.1 * again


def save_half(folder: str) -> None:
    """Run one of the processes: the loss of its half, with gradients averaged as in the loop."""
    accelerator = open_accelerator("no", "cpu")
    rank, module = accelerator.process_index, Contrasted()
    loss = module.loss(torch.arange(4) + 4 * rank)
    loss.backward()
    share_gradients(accelerator, module)
    save_file({"loss": loss.detach(), **gradients(module)}, Path(folder) / f"{rank}.safetensors")
    close_process_group()


def gradients(module: nn.Module) -> dict[str, Tensor]:
    return {name: each.grad.contiguous() for name, each in module.named_parameters() if each.grad is not None}


def run_torchrun(folder: str) -> None:
    """Do what `torchrun --standalone --nproc-per-node 2` does, but fork the processes from this one, which has imported torch."""
    config = LaunchConfig(
        min_nodes=1, max_nodes=1, nproc_per_node=2, rdzv_backend="c10d", rdzv_endpoint="localhost:0", start_method="fork"
    )  # fmt: skip
    elastic_launch(config, save_half)(folder)


@pytest.mark.slow
def test_losses_and_gradients_of_two_gloo_processes_are_those_of_one_with_the_joined_batch(tmp_path: Path) -> None:
    launching.launch([(__name__, "run_torchrun", (str(tmp_path),))])
    module = Contrasted()
    loss = module.loss(torch.arange(8))
    loss.backward()
    expected = {"loss": loss.detach(), **gradients(module)}
    assert len(expected) == 5 and all(each.abs().sum() > 0 for each in expected.values())
    for rank in (0, 1):
        found = load_file(tmp_path / f"{rank}.safetensors")
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            # float32: sums over eight rows in another order
            torch.testing.assert_close(found[name], value, atol=1e-6, rtol=1e-5)
