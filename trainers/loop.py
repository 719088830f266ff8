"""The one training loop. A method turns a draw into a loss; all else is here."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor, nn
from tqdm.auto import tqdm

from trainers import checkpoint
from trainers.method import Draw, Method
from trainers.optimizer import make_optimizer
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
    """Mean of each part over the last logged interval; empty when a resumed run had nothing left to do."""


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
    device: str | None = None,
) -> Run:
    """Train `method.module` in place; afterwards it holds the averaged weights if the recipe keeps an average.

    Starts from the newest checkpoint below `folder` if there is one. Writes `metrics.jsonl` there, and checkpoints
    every `checkpoint_every` updates (0: none). `on_log` is called with the number of updates done, while the module
    holds the averaged weights. `device` is `cpu`, or None for CUDA where there is one.
    """
    accelerator = _accelerator(recipe.precision, cpu=device == "cpu" or not torch.cuda.is_available())
    # No DDP wrapper, since methods call more of a module than `forward`; `_share_gradients` does what it would do.
    module = accelerator.prepare_model(method.module, evaluation_mode=True)
    optimizer = accelerator.prepare_optimizer(make_optimizer(method.module, recipe))
    ema = {name: value.detach().clone().float() for name, value in _learning(method.module)} if recipe.ema_decay else {}
    folder.mkdir(parents=True, exist_ok=True)
    first, seconds = 0, 0.0
    if (found := checkpoint.find(folder)) is not None:
        at = checkpoint.restore(found, method.module, optimizer, ema)
        first, seconds = at.step, at.seconds
    rank, processes = accelerator.process_index, accelerator.num_processes
    if accelerator.is_main_process:
        _forget_after(folder / "metrics.jsonl", first)
    sampler = Sampler(method.example_count, recipe.batch_size, recipe.seed, method.example_weights)
    module.train()
    meter, means = Meter(), dict[str, float]()
    started = time.perf_counter() - seconds
    quiet = quiet or not accelerator.is_local_main_process
    bar = tqdm(total=recipe.steps, initial=first, desc=label, unit="step", disable=quiet, mininterval=1.0)
    with bar, (folder / "metrics.jsonl").open("a") as metrics:
        for step in range(first, recipe.steps):
            rate = recipe.learning_rate_at(step)
            for group in optimizer.param_groups:
                group["lr"] = rate
            draw = Draw(step, sampler.draw(step)[rank::processes], generator_of(recipe.seed, "noise", step, rank))
            with accelerator.autocast():
                loss = method.loss(draw)
            accelerator.backward(loss.total)
            _share_gradients(accelerator, module)
            if recipe.clip_norm:
                accelerator.clip_grad_norm_(module.parameters(), recipe.clip_norm)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            _average(ema, method.module, recipe.ema_decay, step)
            meter.add({"loss": loss.total, **loss.parts})
            bar.update()
            if (step + 1) % log_every == 0 or step + 1 == recipe.steps:
                means = meter.take()
                seconds = time.perf_counter() - started
                bar.set_postfix({name: f"{value:.4g}" for name, value in means.items()}, refresh=False)
                if accelerator.is_main_process:
                    line = {"step": step + 1, "seconds": round(seconds, 2), "learning_rate": rate, **means}
                    metrics.write(json.dumps(line) + "\n")
                    metrics.flush()
                if on_log is not None:
                    with averaged(method.module, ema):
                        on_log(step + 1)
                    module.train()
            if checkpoint_every and (step + 1) % checkpoint_every == 0 and accelerator.is_main_process:
                checkpoint.save(folder, step + 1, time.perf_counter() - started, method.module, optimizer, ema)
    accelerator.unwrap_model(module, keep_fp32_wrapper=False)  # `forward` computes in the weights' own type again.
    _fill(dict(_learning(method.module)), ema)
    return Run(recipe.steps, time.perf_counter() - started, str(accelerator.device), means)


class Meter:
    """Means of scalars between two logged lines; the device is waited for only when they are taken."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._count = 0

    def add(self, values: dict[str, Tensor]) -> None:
        """One step's scalars."""
        self._count += 1
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, torch.zeros((), device=value.device)) + value.detach().float()

    def take(self) -> dict[str, float]:
        """Means since the last time."""
        means = {name: (value / self._count).item() for name, value in self._sums.items()}
        self._sums, self._count = {}, 0
        return means


@contextmanager
def averaged(module: nn.Module, ema: dict[str, Tensor]) -> Iterator[None]:
    """While it lasts the module holds the averaged weights; without an average it keeps its own."""
    learning = dict(_learning(module))
    own = {name: learning[name].detach().clone() for name in ema}
    _fill(learning, ema)
    try:
        yield
    finally:
        _fill(learning, own)


def _accelerator(precision: str, cpu: bool) -> Accelerator:
    """Accelerate fixes precision and device once per process; each recipe has its own."""
    # Its only way, and the one its own tests take; the process group of a distributed run stays.
    AcceleratorState._reset_state(reset_partial_state=not torch.distributed.is_initialized())  # noqa: SLF001
    return Accelerator(mixed_precision=precision, cpu=cpu)


def _learning(module: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return [(name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad]


@torch.no_grad()
def _fill(learning: dict[str, nn.Parameter], values: dict[str, Tensor]) -> None:
    for name, value in values.items():
        learning[name].copy_(value)


def _share_gradients(accelerator: Accelerator, module: nn.Module) -> None:
    """Mean of the gradients over all processes, in one message."""
    if accelerator.num_processes == 1:
        return
    gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
    mean = accelerator.reduce(torch.cat([gradient.flatten() for gradient in gradients]), reduction="mean")
    for gradient, part in zip(gradients, mean.split([gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def _forget_after(metrics: Path, step: int) -> None:
    """Drop logged lines beyond the checkpoint: the resumed run writes them again."""
    if not metrics.exists():
        return
    lines = metrics.read_text().splitlines()
    kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= step]
    if len(kept) < len(lines):
        metrics.write_text("".join(f"{line}\n" for line in kept))


@torch.no_grad()
def _average(ema: dict[str, Tensor], module: nn.Module, decay: float, step: int) -> None:
    """Exponential moving average whose horizon grows with the run, so that early weights are soon forgotten."""
    if not ema:
        return
    weight = 1 - min(decay, (1 + step) / (10 + step))
    learning = dict(_learning(module))
    torch._foreach_lerp_(list(ema.values()), [learning[name].detach().float() for name in ema], weight)
