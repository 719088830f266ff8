"""The one training loop. A method turns a draw into a loss; all else is here."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from tqdm.auto import tqdm

from trainers import checkpoint
from trainers.method import Draw, Method
from trainers.recipe import Recipe
from trainers.sampler import Sampler, generator_of


@dataclass(frozen=True, slots=True)
class Run:
    """One finished execution of a recipe."""

    steps: int
    seconds: float
    """Wall time in training, summed over resumes."""
    device: str
    last_losses: dict[str, float]
    """Mean of each part over the last logged interval."""


def train(
    method: Method,
    recipe: Recipe,
    folder: Path,
    *,
    log_every: int = 25,
    checkpoint_every: int = 0,
    on_log: Callable[[int], None] | None = None,
    quiet: bool = False,
    label: str = "train",
) -> Run:
    """Train `method.module` in place; afterwards it holds the averaged weights if the recipe keeps an average.

    Starts from the newest checkpoint below `folder` if there is one. Writes `metrics.jsonl` there, and checkpoints
    every `checkpoint_every` updates (0: none).
    """
    accelerator = Accelerator(mixed_precision=recipe.precision, cpu=not torch.cuda.is_available())
    module, optimizer = accelerator.prepare(method.module, make_optimizer(method.module, recipe))
    ema = {name: value.detach().clone().float() for name, value in _learning(method.module)} if recipe.ema_decay else {}
    folder.mkdir(parents=True, exist_ok=True)
    first, seconds = 0, 0.0
    if (found := checkpoint.find(folder)) is not None:
        at = checkpoint.restore(found, method.module, optimizer, ema)
        first, seconds = at.step, at.seconds
    sampler = Sampler(method.example_count, recipe.batch_size, recipe.seed, method.example_weights)
    rank, processes = accelerator.process_index, accelerator.num_processes
    module.train()
    sums: dict[str, Tensor] = {}
    means: dict[str, float] = {}
    started = time.perf_counter() - seconds
    bar = tqdm(total=recipe.steps, initial=first, desc=label, unit="step", disable=quiet, mininterval=1.0)
    with (folder / "metrics.jsonl").open("a") as metrics:
        for step in range(first, recipe.steps):
            rate = recipe.learning_rate_at(step)
            for group in optimizer.param_groups:
                group["lr"] = rate
            draw = Draw(step, sampler.draw(step)[rank::processes], generator_of(recipe.seed, "noise", step, rank))
            with accelerator.autocast():
                loss = method.loss(draw)
            accelerator.backward(loss.total)
            if recipe.clip_norm:
                accelerator.clip_grad_norm_(module.parameters(), recipe.clip_norm)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            _average(ema, method.module, recipe.ema_decay, step)
            for name, value in {"loss": loss.total, **loss.parts}.items():
                sums[name] = sums.get(name, torch.zeros((), device=value.device)) + value.detach().float()
            bar.update()
            if (step + 1) % log_every == 0 or step + 1 == recipe.steps:
                count = (step % log_every) + 1
                means = {name: (value / count).item() for name, value in sums.items()}
                sums = {}
                seconds = time.perf_counter() - started
                bar.set_postfix({name: f"{value:.4g}" for name, value in means.items()}, refresh=False)
                metrics.write(json.dumps({"step": step + 1, "seconds": round(seconds, 2), "learning_rate": rate, **means}) + "\n")
                metrics.flush()
                if on_log is not None:
                    on_log(step + 1)
            if checkpoint_every and (step + 1) % checkpoint_every == 0 and accelerator.is_main_process:
                checkpoint.save(folder, step + 1, time.perf_counter() - started, method.module, optimizer, ema)
    bar.close()
    with torch.no_grad():
        for name, value in _learning(method.module):
            if ema:
                value.copy_(ema[name])
    return Run(recipe.steps, time.perf_counter() - started, str(accelerator.device), means)


def make_optimizer(module: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Fused AdamW; biases, norms and other vectors are not decayed."""
    matrices = [parameter for parameter in module.parameters() if parameter.requires_grad and parameter.dim() >= 2]
    vectors = [parameter for parameter in module.parameters() if parameter.requires_grad and parameter.dim() < 2]
    groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    groups = [group for group in groups if group["params"]]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=recipe.betas, fused=True)


def _learning(module: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return [(name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad]


@torch.no_grad()
def _average(ema: dict[str, Tensor], module: nn.Module, decay: float, step: int) -> None:
    """Exponential moving average whose horizon grows with the run, so that early weights are soon forgotten."""
    if not ema:
        return
    weight = 1 - min(decay, (1 + step) / (10 + step))
    learning = dict(_learning(module))
    torch._foreach_lerp_(list(ema.values()), [learning[name].detach().float() for name in ema], weight)
