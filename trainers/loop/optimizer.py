"""Optimisers (AdamW, or Muon for matrices with AdamW for the rest), the learning rate schedule, and weight averaging."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Muon, Optimizer

from hub.errors import InvalidRequest
from trainers.loop.muon import Float32Muon
from trainers.loop.precision import has_bf16
from trainers.loop.recipe import Recipe

OPTIMIZERS = ("adamw", "muon")


def make_optimizer(module: nn.Module, recipe: Recipe) -> Optimizer:
    """Return an optimiser of all parameters with `requires_grad`; biases, norms and other vectors are not decayed.

    Raises `InvalidRequest` for an unknown optimiser.
    """
    if recipe.optimizer not in OPTIMIZERS:
        raise InvalidRequest(f"unknown optimiser `{recipe.optimizer}`: choose {' or '.join(OPTIMIZERS)}.")
    trainable = [parameter for parameter in module.parameters() if parameter.requires_grad]
    for_muon = _matrices(module) if recipe.optimizer == "muon" else set()
    adamw = [parameter for parameter in trainable if parameter not in for_muon]
    groups: list[dict[str, Any]] = [
        {"params": [each for each in adamw if each.dim() >= 2], "weight_decay": recipe.weight_decay},
        {"params": [each for each in adamw if each.dim() < 2], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    rest = AdamW(groups, lr=recipe.learning_rate, betas=recipe.betas, fused=True) if groups else None
    if not for_muon:
        assert rest is not None, "a module without trainable parameters is refused earlier"
        return rest
    matrices = [parameter for parameter in trainable if parameter in for_muon]
    make = Muon if has_bf16(matrices[0].device) else Float32Muon
    muon = make(
        matrices, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, adjust_lr_fn="match_rms_adamw"
    )  # Muon can then use AdamW's learning rate.
    return muon if rest is None else CombinedOptimizer(muon, rest)


def learning_rate(recipe: Recipe, step: int) -> float:
    """Return the learning rate of update `step`, counted from 0: warm-up, hold, then the recipe's decay."""
    if step < recipe.warmup_steps:
        if recipe.warmup_from:
            return recipe.warmup_from + (recipe.learning_rate - recipe.warmup_from) * step / recipe.warmup_steps
        return recipe.learning_rate * (step + 1) / recipe.warmup_steps
    held = recipe.warmup_steps + recipe.hold_share * (recipe.steps - recipe.warmup_steps)
    if step <= held:
        return recipe.learning_rate
    if recipe.decay == "inverse-sqrt":
        return recipe.learning_rate * max(recipe.final_share, math.sqrt((held or 1) / step))
    done = min(1.0, (step - held) / max(1.0, recipe.steps - held))
    shape = (1 + math.cos(math.pi * done)) / 2 if recipe.decay == "cosine" else 1 - done
    return recipe.learning_rate * (recipe.final_share + (1 - recipe.final_share) * shape)


def set_learning_rate(optimizer: Optimizer, recipe: Recipe, step: int) -> float:
    """Set the learning rate of update `step` in every group, and return it."""
    rate = learning_rate(recipe, step)
    for group in optimizer.param_groups:
        group["lr"] = rate
    return rate


def start_average(module: nn.Module) -> dict[str, Tensor]:
    """Return a float32 copy of all trainable parameters, by name."""
    return {name: value.detach().clone().float() for name, value in _trainable(module).items()}


@torch.no_grad()
def update_average(ema: dict[str, Tensor], module: nn.Module, decay: float, step: int) -> None:
    """Update the exponential moving average; its horizon grows with the run, so that early weights are soon forgotten."""
    if not ema:
        return
    weight = 1 - min(decay, (1 + step) / (10 + step))
    trainable = _trainable(module)
    torch._foreach_lerp_(list(ema.values()), [trainable[name].detach().float() for name in ema], weight)


@contextmanager
def use_average(module: nn.Module, ema: dict[str, Tensor]) -> Iterator[None]:
    """Load the averaged weights, if any, into the module inside the context."""
    trainable = _trainable(module)
    own = {name: trainable[name].detach().clone() for name in ema}
    copy_into(module, ema)
    try:
        yield
    finally:
        copy_into(module, own)


@torch.no_grad()
def copy_into(module: nn.Module, values: dict[str, Tensor]) -> None:
    """Copy values into the trainable parameters, by name."""
    trainable = _trainable(module)
    for name, value in values.items():
        trainable[name].copy_(value)


class CombinedOptimizer(Optimizer):
    """Several optimisers of different parameters that behave like one, with one list of groups and one state."""

    def __init__(self, *parts: Optimizer) -> None:
        self._parts = parts
        super().__init__([group for part in parts for group in part.param_groups], {})
        self._link()

    def _link(self) -> None:
        """Make the parts share this optimiser's groups and state, so that it can be saved and scheduled as one."""
        first = 0
        for part in self._parts:
            last = first + len(part.param_groups)
            part.param_groups = self.param_groups[first:last]
            part.state = self.state
            first = last

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update the parameters of all parts."""
        assert closure is None, "the loop computes its loss itself"
        for part in self._parts:
            part.step()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load the state, and share it with the parts again."""
        super().load_state_dict(state_dict)
        self._link()


def _matrices(module: nn.Module) -> set[nn.Parameter]:
    """Return the trainable weights of two dimensions, except embeddings, which are not linear maps."""
    tables = {each.weight for each in module.modules() if isinstance(each, nn.Embedding)}
    return {each for each in module.parameters() if each.requires_grad and each.dim() == 2 and each not in tables}


def _trainable(module: nn.Module) -> dict[str, nn.Parameter]:
    return {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
