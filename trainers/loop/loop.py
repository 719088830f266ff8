"""The training loop, shared by all methods. A method turns a draw into a loss; everything else is here."""

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
from trainers.loop.distributed import open_accelerator, share_gradients
from trainers.loop.failures import FiniteCheck, catch_out_of_memory, catch_write_errors
from trainers.loop.method import Draw, Loss, Method, ReadsAhead, Validated
from trainers.loop.optimizer import (
    copy_into,
    make_optimizer,
    set_learning_rate,
    start_average,
    update_average,
    use_average,
)
from trainers.loop.progress import LossMeter, Progress
from trainers.loop.recipe import Recipe
from trainers.loop.sampler import GroupedSampler, Sampler, generator_of

KEEP = 2
"""Number of newest checkpoints to keep, besides the best one."""


@dataclass(frozen=True, slots=True)
class Run:
    """A finished execution of a recipe."""

    steps: int
    seconds: float
    """Wall time of training, summed over resumes."""
    device: str
    last_losses: dict[str, float]
    """Mean of each loss over the last logged interval; empty if a resumed run was already complete."""


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

    If accelerate is configured for FSDP, the weights are then still sharded: see `trainers/loop/sharding.py`.

    Resumes from the newest checkpoint in `folder`, if any. Writes `metrics.jsonl` and TensorBoard events there, and a
    checkpoint every `checkpoint_every` updates and after the last one (0: none), keeping the last `keep` and the one with
    the best validation value. `on_log` is called with the number of updates while the module holds the averaged weights; so is `on_sample`,
    every `sample_every` updates (0: never) and after the last one, with the `Progress` for images. Neither may use a
    global generator. `device` is `cpu`, or None to use CUDA if it is available.

    Raises `Diverged`, `OutOfMemory` and `Unreachable` (disk full), leaving the checkpoints unchanged, and `InvalidRequest`
    for a checkpoint of another recipe, a batch that cannot be split evenly, or an unsuitable accelerate configuration.
    """
    accelerator = open_accelerator(recipe.precision, device)
    rank, processes = accelerator.process_index, accelerator.num_processes
    shards = shards_of(recipe, processes)
    module, optimizer, ema = _prepare(method, recipe, accelerator, label)
    at = _restore_newest(folder, method.module, optimizer, ema, recipe, accelerator)
    accelerator.wait_for_everyone()  # No process deletes a checkpoint that another is still reading.
    sampler = _sampler(method, recipe, processes)
    meter, means, finite = LossMeter(), dict[str, float](), FiniteCheck(accelerator.device)
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
                    _read_ahead(method, sampler, step, shard + processes, shards, rank)
                    loss = _backward(method, draw, recipe, accelerator)
                    meter.add({"loss": loss.total, **loss.parts})
                    finite.update(step + 1, loss.total)
                share_gradients(accelerator, module)
                finite.update(step + 1, *_clip(module, recipe, accelerator))
                optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            update_average(ema, method.module, recipe.ema_decay, step)
            progress.step()
            done, seconds = step + 1, time.perf_counter() - started
            if done % log_every == 0 or done == recipe.steps:
                means = {name: accelerator.reduce(mean, "mean").item() for name, mean in meter.take().items()}
                _stop_if_not_finite(finite, accelerator, label, kept)
                progress.log(done, seconds, rate, means, accelerator.device)
                if on_log is not None:
                    with _show_average(method.module, ema):
                        on_log(done)
            if on_sample is not None and sample_every and (done % sample_every == 0 or done == recipe.steps):
                _stop_if_not_finite(finite, accelerator, label, kept)
                with _show_average(method.module, ema):
                    on_sample(done, progress)
            if checkpoint_every and (done % checkpoint_every == 0 or done == recipe.steps):
                _stop_if_not_finite(finite, accelerator, label, kept)
                reached = Checkpoint(
                    done, seconds, asdict(recipe), _validation(method, ema, progress, done), _scaler_state(accelerator)
                )
                main = accelerator.is_main_process
                checkpoint.save(folder, reached, method.module, optimizer, ema, keep=keep, main=main)
                kept = done
                accelerator.wait_for_everyone()
    if recipe.take_best and (best := checkpoint.find_best(folder)) is not None:
        checkpoint.restore(best, method.module, optimizer, ema, recipe=asdict(recipe))
    accelerator.unwrap_model(module, keep_fp32_wrapper=False)  # Removes autocast from `forward`.
    copy_into(method.module, ema)
    return Run(recipe.steps, time.perf_counter() - started, str(accelerator.device), means)


def _prepare(
    method: Method, recipe: Recipe, accelerator: Accelerator, label: str
) -> tuple[nn.Module, torch.optim.Optimizer, dict[str, Tensor]]:
    """Move the module to its device, sharding it if requested; return it with its optimiser and the initial average."""
    if sharding.is_requested(accelerator):
        sharding.check_shardable(method.module, recipe, label)
        sharding.shard_module(method.module, accelerator)
    # There is no DDP wrapper, since methods call more of a module than `forward`; `share_gradients` replaces it.
    module = accelerator.prepare_model(method.module, evaluation_mode=True)
    optimizer = accelerator.prepare_optimizer(make_optimizer(method.module, recipe))
    return module, optimizer, start_average(method.module) if recipe.ema_decay else {}


@contextmanager
def _show_average(module: nn.Module, ema: dict[str, Tensor]) -> Iterator[None]:
    """Use the averaged weights inside the context, and return to training mode afterwards."""
    with use_average(module, ema):
        yield
    module.train()


def _sampler(method: Method, recipe: Recipe, processes: int) -> Sampler | GroupedSampler:
    groups: Tensor | None = getattr(method, "example_groups", None)
    if groups is not None:
        parts = {"parts": recipe.accumulation, "processes": processes}
        return GroupedSampler(groups, method.example_weights, recipe.batch_size, recipe.seed, **parts)
    return Sampler(method.example_count, recipe.batch_size, recipe.seed, method.example_weights)


def shards_of(recipe: Recipe, processes: int) -> int:
    """Return the number of parts of a batch: processes × accumulation steps.

    Raises `InvalidRequest` if the batch size is not divisible by it.
    """
    shards = processes * recipe.accumulation
    if recipe.batch_size % shards:
        raise InvalidRequest(
            f"a batch of {recipe.batch_size} cannot be split evenly over {processes} process(es) with {recipe.accumulation} "
            "accumulation step(s): choose `--accumulate` and the number of processes so that their product divides it."
        )
    return shards


def _restore_newest(
    folder: Path,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    ema: dict[str, Tensor],
    recipe: Recipe,
    accelerator: Accelerator,
) -> Checkpoint:
    """Restore the newest checkpoint, or start at step 0. Raises the errors of `restore`, and `Unreachable`."""
    with catch_write_errors("the run's folder", "choose another with `--out`."):
        folder.mkdir(parents=True, exist_ok=True)
    found = checkpoint.find_newest(folder)
    if found is None:
        return Checkpoint(0, 0.0)
    at = checkpoint.restore(found, module, optimizer, ema, recipe=asdict(recipe))
    if at.scaler and accelerator.scaler is not None:
        accelerator.scaler.load_state_dict(at.scaler)
    return at


def _stop_if_not_finite(finite: FiniteCheck, accelerator: Accelerator, label: str, kept: int) -> None:
    """Stop all processes together, before a bad checkpoint is written. Raises `Diverged`."""
    first = accelerator.gather(finite.first.reshape(1)).min().item()
    if first != float("inf"):
        raise Diverged(label, int(first), kept or None)


def _read_ahead(
    method: Method, sampler: Sampler | GroupedSampler, step: int, shard: int, shards: int, rank: int
) -> None:
    """Let the method read what it needs after this shard: `shard` of the same step, or the first one of the next step."""
    if isinstance(method, ReadsAhead):
        is_same = shard < shards
        method.prefetch(sampler.draw(step if is_same else step + 1)[shard if is_same else rank :: shards])


def _scaler_state(accelerator: Accelerator) -> dict[str, float]:
    """Return the state of the gradient scaler, empty without one."""
    return accelerator.scaler.state_dict() if accelerator.scaler is not None else {}


def _backward(method: Method, draw: Draw, recipe: Recipe, accelerator: Accelerator) -> Loss:
    """Add the gradient of one shard to the accumulated ones."""
    with accelerator.autocast():
        loss = method.loss(draw)
    accelerator.backward(loss.total / recipe.accumulation)
    return loss


def _clip(module: nn.Module, recipe: Recipe, accelerator: Accelerator) -> list[Tensor]:
    """Clip the gradient, and return its norm if that must be finite; with fp16 the scaler skips infinite gradients."""
    if not recipe.clip_norm:
        return []
    if sharding.is_sharded(module):
        # Accelerate only clips modules that it has sharded itself.
        norm = sharding.gather_whole(nn.utils.clip_grad_norm_(module.parameters(), recipe.clip_norm))
    else:
        norm = accelerator.clip_grad_norm_(module.parameters(), recipe.clip_norm)
    return [] if recipe.precision == "fp16" else [norm]


@torch.no_grad()
def _validation(method: Method, ema: dict[str, Tensor], progress: Progress, step: int) -> float | None:
    if not isinstance(method, Validated):
        return None
    method.module.eval()
    with _show_average(method.module, ema):
        value = float(method.validation())
    progress.write({"step": step, "validation": value})
    return value
