"""Report the progress of a run: a progress bar, `metrics.jsonl`, and TensorBoard event files."""

from __future__ import annotations

import json
import resource
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm.auto import tqdm

from trainers.loop.failures import catch_write_errors
from trainers.loop.recipe import Recipe

METRICS = "metrics.jsonl"
RESUME_ADVICE = "free some space, then continue from the newest checkpoint with `--resume`."


class LossMeter:
    """Means of scalars between two logged lines; synchronises with the device only when they are taken."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._count = 0

    def add(self, values: dict[str, Tensor]) -> None:
        """Add the scalars of one step, or of one accumulation step."""
        self._count += 1
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, torch.zeros((), device=value.device)) + value.detach().float()

    def take(self) -> dict[str, Tensor]:
        """Return the means since the last call, scalars on the device, and reset them."""
        means = {name: value / self._count for name, value in self._sums.items()}
        self._sums, self._count = {}, 0
        return means


class Progress:
    """The progress bar and the logs of a run; only the main process writes logs. Raises `Unreachable` on write errors."""

    def __init__(self, folder: Path, recipe: Recipe, label: str, first: int, *, main: bool, quiet: bool) -> None:
        self.main = main
        self._folder, self._recipe, self._first = folder, recipe, first
        self._bar = tqdm(total=recipe.steps, initial=first, desc=label, unit="step", disable=quiet, mininterval=1.0)
        self._events: Any = None
        self._last = (first, time.perf_counter())

    def __enter__(self) -> Self:
        if self.main:
            with catch_write_errors("the run's log", RESUME_ADVICE):
                drop_lines_after(self._folder / METRICS, self._first)
                self._metrics = (self._folder / METRICS).open("a")
                self._events = _event_writer(self._folder, self._first)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.close()
        if self.main:
            if self._events is not None:
                self._events.close()
            with suppress(OSError):  # A full disk was already reported by the failing write.
                self._metrics.close()

    def step(self) -> None:
        """Advance the bar by one update."""
        self._bar.update()

    def log(self, step: int, seconds: float, rate: float, means: dict[str, float], device: torch.device) -> None:
        """Log the means over the interval that ends with update `step`, with speed and memory."""
        now, (last_step, last) = time.perf_counter(), self._last
        step_seconds = (now - last) / max(1, step - last_step)
        self._last = (step, now)
        speed = {
            "samples_per_second": round(self._recipe.batch_size / max(step_seconds, 1e-9), 2),
            "eta_seconds": round(step_seconds * (self._recipe.steps - step), 1),
            "memory_bytes": memory_bytes(device),
        }
        shown = {name: f"{value:.4g}" for name, value in means.items()}
        shown |= {"samples/s": f"{speed['samples_per_second']:.4g}", "GB": f"{speed['memory_bytes'] / 1e9:.2f}"}
        self._bar.set_postfix(shown, refresh=False)
        self.write({"step": step, "seconds": round(seconds, 2), "learning_rate": rate, **means, **speed})

    def write(self, line: dict[str, float]) -> None:
        """Write one line to metrics.jsonl, and the same values as TensorBoard scalars. Raises `Unreachable`."""
        if not self.main:
            return
        with catch_write_errors("the run's log", RESUME_ADVICE):
            self._metrics.write(json.dumps(line) + "\n")
            self._metrics.flush()
        if self._events is not None:
            for name, value in line.items():
                if name != "step":
                    self._events.add_scalar(name, value, int(line["step"]))

    def leave_out(self, seconds: float) -> None:
        """Exclude time that was not spent on updates from the logged speeds."""
        step, last = self._last
        self._last = (step, last + seconds)

    def add_image(self, name: str, step: int, image: Image.Image) -> None:
        """Add a TensorBoard image at update `step`; does nothing if tensorboard is not installed."""
        if self._events is not None:
            self._events.add_image(name, np.asarray(image), step, dataformats="HWC")


def memory_bytes(device: torch.device) -> int:
    """Return the peak memory in bytes: of the device, or on a CPU of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in kilobytes.


def drop_lines_after(metrics: Path, step: int) -> None:
    """Drop the logged lines after update `step`: the resumed run writes them again."""
    if not metrics.exists():
        return
    lines = metrics.read_text().splitlines()
    kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= step]
    if len(kept) < len(lines):
        metrics.write_text("".join(f"{line}\n" for line in kept))


def _event_writer(folder: Path, first: int) -> Any:
    """Return a SummaryWriter that purges events after update `first`, or None if tensorboard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=first + 1)
