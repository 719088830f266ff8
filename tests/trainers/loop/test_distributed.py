"""Two processes train like one: the same losses at the same global batch, the same gradient of a contrastive loss."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hub.errors import InvalidRequest
from tests.builders.training import processes as launching
from trainers.learners.contrast import all_gather_rows
from trainers.loop.distributed import open_accelerator
from trainers.loop.loop import train
from trainers.loop.method import Draw, Loss
from trainers.loop.recipe import Recipe

RECIPE = Recipe(steps=6, batch_size=8, learning_rate=1e-2, warmup_steps=2, ema_decay=0.9, precision="no", seed=3)


class Denoised:
    """A loss that depends on noise and on the batches."""

    example_count = 20
    example_weights: Tensor | None = None

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.module: nn.Module = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 4))
        self._x_N4 = torch.randn(20, 4)

    def loss(self, draw: Draw) -> Loss:
        x_B4 = self._x_N4[draw.indices_B]
        noise_B4 = torch.randn(x_B4.shape, generator=draw.generator)
        return Loss((self.module(x_B4 + noise_B4) - x_B4).square().mean(), {})


class Contrasted(Denoised):
    """Contrast between the texts and the images of all processes."""

    def loss(self, draw: Draw) -> Loss:
        x_B4 = self._x_N4[draw.indices_B]
        texts_BC = all_gather_rows(F.normalize(self.module(x_B4), dim=1))
        images_BC = all_gather_rows(F.normalize(x_B4.flip(1) + 0.5 * self.module[0].bias[:4], dim=1))
        logits_BB = texts_BC @ images_BC.T / 0.1
        return Loss(F.cross_entropy(logits_BB, torch.arange(len(logits_BB))), {})


def learn(method: str, folder: Path, parts: int) -> None:
    """Run one process."""
    recipe = replace(RECIPE, accumulation=parts)
    train(globals()[method](), recipe, folder, quiet=True, log_every=1, checkpoint_every=3, device="cpu")


def losses(folder: Path, method: str, *, processes: int, parts: int = 1) -> list[float]:
    """Return the losses of a run in separate processes."""
    launching.launch([(__name__, "learn", (method, folder, parts))], processes=processes)
    return [json.loads(line)["loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_two_processes_give_the_losses_of_one_that_takes_its_batches_in_two_parts(tmp_path: Path) -> None:
    one = losses(tmp_path / "one", "Denoised", processes=1, parts=2)
    two = losses(tmp_path / "two", "Denoised", processes=2)
    # float32: the mean of two gradients is a sum in another order, six AdamW updates long.
    assert two == pytest.approx(one, rel=1e-4)
    assert len(set(one)) == RECIPE.steps


@pytest.mark.slow
def test_negatives_of_all_processes_give_the_losses_of_one_process(tmp_path: Path) -> None:
    one = losses(tmp_path / "one", "Contrasted", processes=1)
    two = losses(tmp_path / "two", "Contrasted", processes=2)
    assert two == pytest.approx(one, rel=1e-4)
    assert one[0] != pytest.approx(one[-1], rel=1e-2), "or else no gradient was compared"


def test_a_single_process_gathers_its_own_rows() -> None:
    rows = torch.randn(3, 2)
    assert all_gather_rows(rows) is rows


def test_an_accelerate_configuration_for_another_machine_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    monkeypatch.setenv("ACCELERATE_TORCH_DEVICE", "cuda")
    with pytest.raises(InvalidRequest, match="accelerate does not fit this machine .*accelerate config") as caught:
        open_accelerator("no", None)
    assert "\n" not in str(caught.value)
    monkeypatch.delenv("ACCELERATE_TORCH_DEVICE")
    assert open_accelerator("no", None).device.type == "cpu"
