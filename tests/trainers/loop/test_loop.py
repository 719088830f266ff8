"""The training loop: its result depends on (recipe, method) alone, with or without a crash."""

from __future__ import annotations

import json
import resource
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from torch import Tensor, nn

from hub.errors import DamagedFile, Diverged, InvalidRequest, OutOfMemory, Unreachable, WeightsDoNotFit
from tests.builders.training import processes
from trainers.loop import checkpoint
from trainers.loop.checkpoint import Checkpoint
from trainers.loop.distributed import open_accelerator
from trainers.loop.loop import train
from trainers.loop.method import Draw, Loss
from trainers.loop.optimizer import OPTIMIZERS, make_optimizer, use_average
from trainers.loop.recipe import Recipe

RECIPE = Recipe(steps=12, batch_size=4, learning_rate=1e-2, warmup_steps=2, ema_decay=0.9, precision="no", seed=3)


class Regression:
    """A loss that depends on noise, batches and weights."""

    example_count = 10
    example_weights: Tensor | None = None

    def __init__(self, pause: float = 0.0) -> None:
        torch.manual_seed(0)
        frozen = nn.BatchNorm1d(4).requires_grad_(False)
        self.module = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 4), frozen)
        self._x_N4 = torch.randn(10, 4)
        self._pause = pause

    def loss(self, draw: Draw) -> Loss:
        time.sleep(self._pause)
        x_B4 = self._x_N4[draw.indices_B]
        noise_B4 = torch.randn(x_B4.shape, generator=draw.generator)
        loss = (self.module(x_B4 + 0.1 * noise_B4) - x_B4).square().mean()
        return Loss(loss, {"twice": 2 * loss.detach()})


def weights(method: Regression) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in method.module.parameters()])


def test_two_runs_of_one_recipe_end_in_the_same_weights(tmp_path: Path) -> None:
    first, second = Regression(), Regression()
    train(first, RECIPE, tmp_path / "a", quiet=True)
    train(second, RECIPE, tmp_path / "b", quiet=True)
    assert torch.equal(weights(first), weights(second))


def break_off(recipe: Recipe, folder: Path) -> None:
    """A run slow enough to be killed after its first checkpoint."""
    train(Regression(pause=0.15), recipe, folder, quiet=True, checkpoint_every=3, log_every=1)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_killed_and_resumed_run_ends_in_the_weights_of_an_uninterrupted_one(optimizer: str, tmp_path: Path) -> None:
    recipe = replace(RECIPE, optimizer=optimizer)
    whole = Regression()
    train(whole, recipe, tmp_path / "whole", quiet=True)
    child = processes.start([(__name__, "break_off", (recipe, tmp_path / "broken"))], {}, tmp_path / "said")
    try:
        while checkpoint.find_newest(tmp_path / "broken") is None:
            assert child.is_alive(), (tmp_path / "said").read_text()
            time.sleep(0.02)
    finally:
        processes.kill(child)
    (tmp_path / "broken" / "checkpoint-0000099.part").write_bytes(b"half a checkpoint")
    resumed = Regression()
    run = train(resumed, recipe, tmp_path / "broken", quiet=True, checkpoint_every=3, log_every=1)
    assert torch.equal(weights(whole), weights(resumed))
    assert run.steps == 12
    steps = [json.loads(line)["step"] for line in (tmp_path / "broken" / "metrics.jsonl").read_text().splitlines()]
    assert steps == list(range(1, 13))
    assert not list((tmp_path / "broken").glob("*.part"))


def test_a_checkpoint_contains_nothing_of_a_frozen_submodule(tmp_path: Path) -> None:
    train(Regression(), RECIPE, tmp_path, quiet=True, checkpoint_every=12)
    found = checkpoint.find_newest(tmp_path)
    assert found is not None
    names = {name.removeprefix("module.") for name in load_file(found) if name.startswith("module.")}
    assert names == {"0.weight", "0.bias", "2.weight", "2.bias"}


def test_a_finished_run_is_not_trained_again_and_keeps_its_average(tmp_path: Path) -> None:
    first, second = Regression(), Regression()
    train(first, RECIPE, tmp_path, quiet=True, checkpoint_every=12)
    run = train(second, RECIPE, tmp_path, quiet=True, checkpoint_every=12)
    assert torch.equal(weights(first), weights(second))
    assert run.last_losses == {}


def test_the_log_callback_sees_the_averaged_weights_and_changes_nothing(tmp_path: Path) -> None:
    plain, watched = Regression(), Regression()
    seen: dict[int, Tensor] = {}
    train(plain, RECIPE, tmp_path / "plain", quiet=True)
    train(
        watched, RECIPE, tmp_path / "watched", quiet=True, log_every=4,
        on_log=lambda step: seen.update({step: weights(watched).clone()}),
    )  # fmt: skip
    assert torch.equal(weights(plain), weights(watched))
    assert list(seen) == [4, 8, 12]
    assert torch.equal(seen[12], weights(watched))


def test_averaged_weights_are_removed_even_after_an_error() -> None:
    method = Regression()
    before = weights(method).clone()
    ema = {name: torch.zeros_like(value) for name, value in method.module.named_parameters() if value.requires_grad}
    with pytest.raises(ZeroDivisionError), use_average(method.module, ema):
        method.module[0].weight.abs().sum().item() or 1 // 0
    assert torch.equal(weights(method), before)


def test_two_phases_can_differ_in_precision(tmp_path: Path) -> None:
    method = Regression()
    for precision in ("no", "bf16", "no"):
        train(
            method,
            Recipe(steps=2, batch_size=2, learning_rate=1e-3, precision=precision),
            tmp_path / precision,
            quiet=True,
        )
    assert method.module(torch.randn(2, 4)).dtype == torch.float32
    with torch.autocast("cpu", enabled=False):
        assert method.module[0](torch.randn(2, 4)).dtype == torch.float32


def test_a_truncated_checkpoint_is_refused_in_one_line(tmp_path: Path) -> None:
    train(Regression(), RECIPE, tmp_path, quiet=True, checkpoint_every=12)
    found = checkpoint.find_newest(tmp_path)
    assert found is not None
    found.write_bytes(found.read_bytes()[:100])
    with pytest.raises(DamagedFile, match=r"checkpoint-0000012.*cannot be read"):
        train(Regression(), RECIPE, tmp_path, quiet=True)


def test_a_checkpoint_of_another_module_is_refused(tmp_path: Path) -> None:
    module = nn.Linear(3, 3)
    optimizer = make_optimizer(module, RECIPE)
    path = checkpoint.save(tmp_path, Checkpoint(1, 0.0), module, optimizer, {})
    other = nn.Linear(3, 4)
    with pytest.raises(WeightsDoNotFit, match="weight"):
        checkpoint.restore(path, other, make_optimizer(other, RECIPE), {})


def numbers(folder: Path, name: str) -> list[float]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line[name] for line in lines if name in line]


class Exact(Regression):
    """A loss without noise and batch statistics, so that only the order of sums can differ."""

    def __init__(self) -> None:
        super().__init__()
        self.module = self.module[:3]

    def loss(self, draw: Draw) -> Loss:
        x_B4 = self._x_N4[draw.indices_B]
        return Loss((self.module(x_B4) - x_B4).square().mean(), {})


def test_a_batch_split_into_parts_has_the_losses_of_the_whole(tmp_path: Path) -> None:
    for name, parts in (("whole", 1), ("parts", 2)):
        train(Exact(), replace(RECIPE, accumulation=parts), tmp_path / name, quiet=True, log_every=1)
    # float32 sums in another order, twelve AdamW updates long.
    assert numbers(tmp_path / "parts", "loss") == pytest.approx(numbers(tmp_path / "whole", "loss"), rel=1e-4)


def test_a_batch_that_cannot_be_split_evenly_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidRequest, match=r"a batch of 4 cannot be split evenly over 1 process.*3 accumulation step.*--accumulate"
    ):
        train(Regression(), replace(RECIPE, accumulation=3), tmp_path, quiet=True)


class Judged(Regression):
    """A method with given validation values."""

    def __init__(self, values: list[float]) -> None:
        super().__init__()
        self._values = iter(values)

    def validation(self) -> float:
        assert not self.module.training
        return next(self._values)


def steps_of(folder: Path) -> list[int]:
    return [int(path.stem[-7:]) for path in sorted(folder.glob("checkpoint-*.safetensors"))]


def test_the_last_checkpoints_and_the_best_one_are_kept(tmp_path: Path) -> None:
    train(Judged([3.0, 1.0, 2.0, 2.5, 2.2, 2.1]), RECIPE, tmp_path, quiet=True, checkpoint_every=2, keep=2)
    assert steps_of(tmp_path) == [4, 10, 12]
    assert numbers(tmp_path, "validation") == [3.0, 1.0, 2.0, 2.5, 2.2, 2.1]
    train(Regression(), RECIPE, tmp_path / "without", quiet=True, checkpoint_every=2, keep=3)
    assert steps_of(tmp_path / "without") == [8, 10, 12]


def test_a_recipe_that_takes_the_best_ends_in_its_weights(tmp_path: Path) -> None:
    taken = Judged([1.0, 3.0, 2.0])
    train(taken, replace(RECIPE, take_best=True), tmp_path, quiet=True, checkpoint_every=4)
    found = load_file(tmp_path / "checkpoint-0000004.safetensors")
    for name, value in taken.module.named_parameters():
        if value.requires_grad:
            assert torch.equal(value, found[f"ema.{name}"])


class Poisoned(Regression):
    """A loss that is NaN from a given step on."""

    def __init__(self, step: int, where: str) -> None:
        super().__init__()
        self._step, self._where = step, where

    def loss(self, draw: Draw) -> Loss:
        loss = super().loss(draw)
        if draw.step + 1 != self._step:
            return loss
        if self._where == "loss":
            return Loss(loss.total * float("nan"), {})
        poison = self.module[0].weight.sum() * 0
        return Loss(loss.total + poison.sqrt(), {})  # d sqrt at 0 is infinite, and its value is 0.


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_a_loss_that_is_not_finite_stops_the_run_at_its_last_good_checkpoint(where: str, tmp_path: Path) -> None:
    with pytest.raises(Diverged, match=r"at step 8 is not a finite number; the checkpoint of step 6 is kept") as caught:
        train(Poisoned(8, where), RECIPE, tmp_path, quiet=True, checkpoint_every=3)
    assert (caught.value.exit_code, caught.value.step, caught.value.kept) == (1, 8, 6)
    assert "\n" not in str(caught.value)
    assert steps_of(tmp_path) == [3, 6]
    assert all(value.isfinite().all() for value in load_file(tmp_path / "checkpoint-0000006.safetensors").values())


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        MemoryError(),
    ],
)
def test_the_error_of_a_step_that_does_not_fit_into_memory_names_the_number_of_examples(
    error: Exception, tmp_path: Path
) -> None:
    class Large(Regression):
        def loss(self, draw: Draw) -> Loss:
            raise error

    with pytest.raises(OutOfMemory, match=r"at step 1 with 2 examples at once on cpu: .*--accumulate") as caught:
        train(Large(), replace(RECIPE, accumulation=2), tmp_path, quiet=True)
    assert "\n" not in str(caught.value)


def test_an_error_in_a_method_is_not_reported_as_out_of_memory(tmp_path: Path) -> None:
    class Wrong(Regression):
        def loss(self, draw: Draw) -> Loss:
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1"):
        train(Wrong(), RECIPE, tmp_path, quiet=True)


def test_a_full_disk_leaves_the_older_checkpoint_and_no_partial_file(tmp_path: Path) -> None:
    module = nn.Linear(300, 300)
    optimizer = make_optimizer(module, RECIPE)
    first = checkpoint.save(tmp_path, Checkpoint(1, 0.0), module, optimizer, {})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))  # Files end here, as they would on a full disk.
    try:
        with pytest.raises(
            Unreachable, match=r"the checkpoint of step 2 cannot be written \(.*too large.*--resume"
        ) as caught:
            checkpoint.save(tmp_path, Checkpoint(2, 0.0), module, optimizer, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [first]


def test_a_checkpoint_of_another_recipe_is_refused_with_the_differences(tmp_path: Path) -> None:
    train(Regression(), RECIPE, tmp_path, quiet=True, checkpoint_every=12)
    with pytest.raises(InvalidRequest, match=r"another recipe \(learning_rate 0.01 → 0.02\)"):
        train(Regression(), replace(RECIPE, steps=20, learning_rate=2e-2), tmp_path, quiet=True)


def test_speed_remaining_time_and_memory_are_logged_for_people_and_for_tensorboard(tmp_path: Path) -> None:
    train(Regression(), RECIPE, tmp_path, quiet=True, log_every=6)
    last = json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["samples_per_second"] > 0
    assert (last["eta_seconds"], last["step"]) == (0.0, 12)
    assert last["memory_bytes"] > 10_000_000
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert [event.step for event in events.Scalars("loss")] == [6, 12]
    assert events.Scalars("twice")[1].value == pytest.approx(last["twice"])


def test_the_next_batch_is_announced_before_each_one(tmp_path: Path) -> None:
    class Reads(Regression):
        def __init__(self) -> None:
            super().__init__()
            self.told: list[list[int]] = []
            self.used: list[list[int]] = []

        def prefetch(self, indices_B: Tensor) -> None:
            self.told.append(indices_B.tolist())

        def loss(self, draw: Draw) -> Loss:
            self.used.append(draw.indices_B.tolist())
            return super().loss(draw)

    method = Reads()
    train(method, replace(RECIPE, steps=3, accumulation=2), tmp_path, quiet=True)
    assert len(method.used) == 6
    assert method.told[:-1] == method.used[1:]


def test_a_resumed_run_of_fp16_continues_with_the_scale_it_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scales: list[float] = []

    def with_scaler(precision: str, device: str | None) -> Accelerator:
        accelerator = open_accelerator(precision, device)
        # accelerate makes a scaler on GPUs only.
        accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=4.0, growth_interval=2)
        return accelerator

    class Scaled(Regression):
        def loss(self, draw: Draw) -> Loss:
            found = super().loss(draw)
            return found._replace(total=found.total * 1.0)

    monkeypatch.setattr("trainers.loop.loop.open_accelerator", with_scaler)
    backward = Accelerator.backward

    def record(self: Accelerator, loss: Tensor) -> None:
        scales.append(self.scaler.get_scale())
        backward(self, loss)

    monkeypatch.setattr(Accelerator, "backward", record)
    train(Scaled(), replace(RECIPE, steps=6), tmp_path / "whole", checkpoint_every=3, keep=9, quiet=True)
    whole = scales[:]
    (tmp_path / "whole" / "checkpoint-0000006.safetensors").unlink()
    scales.clear()
    train(Scaled(), replace(RECIPE, steps=6), tmp_path / "whole", checkpoint_every=3, quiet=True)
    assert scales == whole[3:]
    assert whole[3] > whole[0]
