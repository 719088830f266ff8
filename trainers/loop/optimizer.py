"""How weights are updated: AdamW, or Muon for matrices with AdamW for the rest; how fast; and the average that is kept."""

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
    """Over all of `module` that has `requires_grad`; biases, norms and other vectors are not decayed.

    Raises InvalidRequest when the recipe names an optimiser that is not here.
    """
    if recipe.optimizer not in OPTIMIZERS:
        raise InvalidRequest(f"no optimiser is called `{recipe.optimizer}`: a recipe takes {' or '.join(OPTIMIZERS)}.")
    learning = [parameter for parameter in module.parameters() if parameter.requires_grad]
    turned = _matrices(module) if recipe.optimizer == "muon" else set()
    adamw = [parameter for parameter in learning if parameter not in turned]
    groups: list[dict[str, Any]] = [
        {"params": [each for each in adamw if each.dim() >= 2], "weight_decay": recipe.weight_decay},
        {"params": [each for each in adamw if each.dim() < 2], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    rest = AdamW(groups, lr=recipe.learning_rate, betas=recipe.betas, fused=True) if groups else None
    if not turned:
        assert rest is not None, "a module without anything to learn is refused before"
        return rest
    matrices = [parameter for parameter in learning if parameter in turned]
    make = Muon if has_bf16(matrices[0].device) else Float32Muon
    muon = make(
        matrices, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, adjust_lr_fn="match_rms_adamw"
    )  # a rate that is right for AdamW is then right for Muon
    return muon if rest is None else CombinedOptimizer(muon, rest)


def learning_rate(recipe: Recipe, step: int) -> float:
    """Of update `step`, counted from 0: warm-up, hold, then the recipe's decay."""
    if step < recipe.warmup_steps:
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
    """Give every group the rate of update `step`, and return it: a function of the step, so a resumed run repeats it."""
    rate = learning_rate(recipe, step)
    for group in optimizer.param_groups:
        group["lr"] = rate
    return rate


def start_average(module: nn.Module) -> dict[str, Tensor]:
    """A copy in float32 of all that learns, by name."""
    return {name: value.detach().clone().float() for name, value in _learning(module).items()}


@torch.no_grad()
def update_average(ema: dict[str, Tensor], module: nn.Module, decay: float, step: int) -> None:
    """Exponential moving average whose horizon grows with the run, so that early weights are soon forgotten."""
    if not ema:
        return
    weight = 1 - min(decay, (1 + step) / (10 + step))
    learning = _learning(module)
    torch._foreach_lerp_(list(ema.values()), [learning[name].detach().float() for name in ema], weight)


@contextmanager
def use_average(module: nn.Module, ema: dict[str, Tensor]) -> Iterator[None]:
    """While it lasts the module holds the averaged weights; without an average it keeps its own."""
    learning = _learning(module)
    own = {name: learning[name].detach().clone() for name in ema}
    copy_into(module, ema)
    try:
        yield
    finally:
        copy_into(module, own)


@torch.no_grad()
def copy_into(module: nn.Module, values: dict[str, Tensor]) -> None:
    """Put values in the place of those that learn, by name."""
    learning = _learning(module)
    for name, value in values.items():
        learning[name].copy_(value)


class CombinedOptimizer(Optimizer):
    """Several optimisers of different parameters that look like one: one list of groups, one state."""

    def __init__(self, *parts: Optimizer) -> None:
        self._parts = parts
        super().__init__([group for part in parts for group in part.param_groups], {})
        self._link()

    def _link(self) -> None:
        """The parts work on this optimiser's own groups and state, so that it can be saved and scheduled as one."""
        first = 0
        for part in self._parts:
            last = first + len(part.param_groups)
            part.param_groups = self.param_groups[first:last]
            part.state = self.state
            first = last

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Each part updates what is its own."""
        assert closure is None, "the loop computes its loss itself"
        for part in self._parts:
            part.step()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As ever; the parts see what was loaded."""
        super().load_state_dict(state_dict)
        self._link()


def _matrices(module: nn.Module) -> set[nn.Parameter]:
    """Weights of two dimensions, less embeddings: a row of a table is a vector of its own, not part of a linear map."""
    tables = {each.weight for each in module.modules() if isinstance(each, nn.Embedding)}
    return {each for each in module.parameters() if each.requires_grad and each.dim() == 2 and each not in tables}


def _learning(module: nn.Module) -> dict[str, nn.Parameter]:
    return {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
