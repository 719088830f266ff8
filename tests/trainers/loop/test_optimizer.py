"""Optimisers: Muon with AdamW as one optimiser, and Muon in float32."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from hub.errors import InvalidRequest
from trainers.loop.muon import orthogonalise
from trainers.loop.optimizer import make_optimizer
from trainers.loop.precision import precision_on
from trainers.loop.recipe import Recipe

RECIPE = Recipe(steps=3, batch_size=1, learning_rate=1e-2, weight_decay=0.1, optimizer="muon")


class Reader(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(5, 4)
        self.linear = nn.Linear(4, 6)
        self.norm = nn.LayerNorm(6)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.norm(self.linear(self.table(ids)))
        return found


def one_step(module: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    module(torch.tensor([0, 1, 2])).square().sum().add(module(torch.tensor([3])).sum()).backward()
    optimizer.step()
    optimizer.zero_grad()


@pytest.mark.parametrize("bf16", [True, False])
def test_muon_updates_linear_maps_and_adamw_everything_else(bf16: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainers.loop.optimizer.has_bf16", lambda _: bf16)
    ours, theirs = Reader(), Reader()
    together = make_optimizer(ours, RECIPE)
    muon = torch.optim.Muon([theirs.linear.weight], lr=1e-2, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    decayed = {"params": [theirs.table.weight], "weight_decay": 0.1}
    plain = {"params": [theirs.linear.bias, theirs.norm.weight, theirs.norm.bias], "weight_decay": 0.0}
    adamw = torch.optim.AdamW([decayed, plain], lr=1e-2, betas=RECIPE.betas, fused=True)
    for _ in range(3):
        one_step(ours, together)
        theirs(torch.tensor([0, 1, 2])).square().sum().add(theirs(torch.tensor([3])).sum()).backward()
        muon.step()
        adamw.step()
        muon.zero_grad()
        adamw.zero_grad()
    for name, value in ours.state_dict().items():
        if bf16:
            assert torch.equal(value, theirs.state_dict()[name]), name
        else:  # torch's Muon turns in bf16, which the iteration enlarges: a tenth of the 1e-2 that these weights moved
            assert torch.allclose(value, theirs.state_dict()[name], atol=2e-3), name


def test_without_bf16_the_update_is_the_orthogonal_matrix_of_its_svd() -> None:
    torch.manual_seed(0)
    for shape in ((6, 4), (4, 6), (5, 5)):
        matrix = torch.randn(shape)
        u, _, vh = torch.linalg.svd(matrix, full_matrices=False)
        turned = orthogonalise(matrix, (2.0, -1.5, 0.5), 40, 1e-7)  # these coefficients go all the way to 1
        assert torch.allclose(turned, u @ vh, atol=1e-4)


def test_a_processor_that_only_emulates_bf16_uses_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    for found, expected in (({"avx2": True}, "no"), ({"amx_bf16": True}, "bf16")):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=found: found)
        assert precision_on(cpu, "bf16") == expected
        assert precision_on(cpu, "no") == "no"


def test_a_rate_set_on_its_groups_reaches_both() -> None:
    module = Reader()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    optimizer = make_optimizer(module, RECIPE)
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    one_step(module, optimizer)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_a_module_of_matrices_alone_needs_no_adamw() -> None:
    module = nn.Linear(3, 2, bias=False)
    assert isinstance(make_optimizer(module, RECIPE), torch.optim.Muon)


def test_an_unknown_optimiser_is_refused_in_one_line() -> None:
    with pytest.raises(InvalidRequest, match="unknown optimiser `adan`: choose adamw or muon"):
        make_optimizer(Reader(), replace(RECIPE, optimizer="adan"))
