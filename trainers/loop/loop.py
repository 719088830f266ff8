"""The one training loop. A method turns a draw into a loss; all else is here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from hub.errors import Diverged, InvalidRequest
from trainers.loop import checkpoint, sharding
from trainers.loop.checkpoint import Checkpoint
from trainers.loop.failures import FiniteCheck, catch_out_of_memory, catch_write_errors
from trainers.loop.method import Draw, Loss, Method, Validated
from trainers.loop.optimizer import (
    copy_into,
    make_optimizer,
    set_learning_rate,
    start_average,
    update_average,
    use_average,
)
from trainers.loop.processes import open_accelerator, share_gradients
from trainers.loop.progress import LossMeter, Progress
from trainers.loop.recipe import Recipe
from trainers.loop.sampler import Sampler, generator_of

KEEP = 2
"""Newest checkpoints that are kept, beside the best one."""


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
    keep: int = KEEP,
    on_log: Callable[[int], None] | None = None,
    sample_every: int = 0,
    on_sample: Callable[[int, Progress], None] | None = None,
    quiet: bool = False,
    label: str = "train",
    device: str | None = None,
) -> Run:
    """Train `method.module` in place; afterwards it holds the averaged weights if the recipe keeps an average.

    Where accelerate is configured for FSDP its weights are then still spread over the processes: see `trainers/loop/sharding.py`.

    Starts from the newest checkpoint below `folder` if there is one. Writes `metrics.jsonl` and TensorBoard's events
    there, and checkpoints every `checkpoint_every` updates (0: none), of which the last `keep` stay and the best one
    where the method gives a validation value. `on_log` is called with the number of updates done, while the module
    holds the averaged weights; so is `on_sample`, every `sample_every` updates (0: never) and after the last, with where
    images can be shown. Neither may draw from a global generator. `device` is `cpu`, or None for CUDA where there is one.

    Raises Diverged, OutOfMemory and Unreachable (a full disk) with the checkpoints as they were, and InvalidRequest for a
    checkpoint of another recipe, a batch that cannot be shared, or an accelerate configuration that does not fit.
    """
    accelerator = open_accelerator(recipe.precision, device)
    rank, processes = accelerator.process_index, accelerator.num_processes
    shards = shards_of(recipe, processes)
    module, optimizer, ema = _placed(method, recipe, accelerator, label)
    at = _newest(folder, method.module, optimizer, ema, recipe)
    accelerator.wait_for_everyone()  # Nobody prunes what another still reads.
    sampler = Sampler(method.example_count, recipe.batch_size, recipe.seed, method.example_weights)
    meter, means, watch = LossMeter(), dict[str, float](), FiniteCheck(accelerator.device)
    quiet = quiet or not accelerator.is_local_main_process
    module.train()
    started, kept = time.perf_counter() - at.seconds, at.step
    with Progress(folder, recipe, label, at.step, main=accelerator.is_main_process, quiet=quiet) as progress:
        for step in range(at.step, recipe.steps):
            rate = set_learning_rate(optimizer, recipe, step)
            indices_B = sampler.draw(step)
            with catch_out_of_memory(label, step + 1, len(indices_B) // shards, accelerator.device):
                for shard in range(rank, shards, processes):
                    draw = Draw(step, indices_B[shard::shards], generator_of(recipe.seed, "noise", step, shard))
                    loss = _backward(method, draw, recipe, accelerator)
                    meter.add({"loss": loss.total, **loss.parts})
                    watch.see(step + 1, loss.total)
                share_gradients(accelerator, module)
                watch.see(step + 1, *_clip(module, recipe, accelerator))
                optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            update_average(ema, method.module, recipe.ema_decay, step)
            progress.step()
            done, seconds = step + 1, time.perf_counter() - started
            if done % log_every == 0 or done == recipe.steps:
                means = {name: accelerator.reduce(mean, "mean").item() for name, mean in meter.take().items()}
                _stop_if_not_finite(watch, accelerator, label, kept)
                progress.log(done, seconds, rate, means, accelerator.device)
                if on_log is not None:
                    with _shown(method.module, ema):
                        on_log(done)
            if on_sample is not None and sample_every and (done % sample_every == 0 or done == recipe.steps):
                _stop_if_not_finite(watch, accelerator, label, kept)
                with _shown(method.module, ema):
                    on_sample(done, progress)
            if checkpoint_every and done % checkpoint_every == 0:
                _stop_if_not_finite(watch, accelerator, label, kept)
                reached = Checkpoint(done, seconds, asdict(recipe), _validation(method, ema, progress, done))
                main = accelerator.is_main_process
                checkpoint.save(folder, reached, method.module, optimizer, ema, keep=keep, main=main)
                kept = done
                accelerator.wait_for_everyone()
    if recipe.take_best and (best := checkpoint.find_best(folder)) is not None:
        checkpoint.restore(best, method.module, optimizer, ema, recipe=asdict(recipe))
    accelerator.unwrap_model(module, keep_fp32_wrapper=False)  # `forward` computes in the weights' own type again.
    copy_into(method.module, ema)
    return Run(recipe.steps, time.perf_counter() - started, str(accelerator.device), means)


def _placed(
    method: Method, recipe: Recipe, accelerator: Accelerator, label: str
) -> tuple[nn.Module, torch.optim.Optimizer, dict[str, Tensor]]:
    """The module where accelerate wants it, its optimiser, and the average of its weights that begins with them."""
    if sharding.is_requested(accelerator):
        sharding.check_shardable(method.module, recipe, label)
        sharding.shard_module(method.module, accelerator)
    # No DDP wrapper, since methods call more of a module than `forward`; `share_gradients` does what it would do.
    module = accelerator.prepare_model(method.module, evaluation_mode=True)
    optimizer = accelerator.prepare_optimizer(make_optimizer(method.module, recipe))
    return module, optimizer, start_average(method.module) if recipe.ema_decay else {}


@contextmanager
def _shown(module: nn.Module, ema: dict[str, Tensor]) -> Iterator[None]:
    """Somebody looks at the averaged weights, and may leave the module in evaluation mode."""
    with use_average(module, ema):
        yield
    module.train()


def shards_of(recipe: Recipe, processes: int) -> int:
    """Parts of a batch: one for each process and each part it accumulates. InvalidRequest when they are not even."""
    shards = processes * recipe.accumulation
    if recipe.batch_size % shards:
        raise InvalidRequest(
            f"a batch of {recipe.batch_size} cannot be shared evenly by {processes} process(es) of {recipe.accumulation} "
            "part(s): choose `--accumulate` and the number of processes so that their product divides it."
        )
    return shards


def _newest(
    folder: Path, module: nn.Module, optimizer: torch.optim.Optimizer, ema: dict[str, Tensor], recipe: Recipe
) -> Checkpoint:
    """Go where the newest checkpoint was; the beginning where there is none."""
    with catch_write_errors("the run's folder", "choose another with `--out`."):
        folder.mkdir(parents=True, exist_ok=True)
    found = checkpoint.find_newest(folder)
    return checkpoint.restore(found, module, optimizer, ema, recipe=asdict(recipe)) if found else Checkpoint(0, 0.0)


def _stop_if_not_finite(watch: FiniteCheck, accelerator: Accelerator, label: str, kept: int) -> None:
    """All processes stop together; before a checkpoint, so that what is kept is good."""
    first = accelerator.gather(watch.first.reshape(1)).min().item()
    if first != float("inf"):
        raise Diverged(label, int(first), kept or None)


def _backward(method: Method, draw: Draw, recipe: Recipe, accelerator: Accelerator) -> Loss:
    """Add the gradient of one shard to those there are."""
    with accelerator.autocast():
        loss = method.loss(draw)
    accelerator.backward(loss.total / recipe.accumulation)
    return loss


def _clip(module: nn.Module, recipe: Recipe, accelerator: Accelerator) -> list[Tensor]:
    """Shorten the gradient; returns its norm where that must be finite. The scaler of fp16 skips infinite ones."""
    if not recipe.clip_norm:
        return []
    if sharding.is_sharded(module):
        # Accelerate knows only modules that it has sharded itself.
        norm = sharding.gather_whole(nn.utils.clip_grad_norm_(module.parameters(), recipe.clip_norm))
    else:
        norm = accelerator.clip_grad_norm_(module.parameters(), recipe.clip_norm)
    return [] if recipe.precision == "fp16" else [norm]


@torch.no_grad()
def _validation(method: Method, ema: dict[str, Tensor], progress: Progress, step: int) -> float | None:
    if not isinstance(method, Validated):
        return None
    method.module.eval()
    with _shown(method.module, ema):
        value = float(method.validation())
    progress.write({"step": step, "validation": value})
    return value
