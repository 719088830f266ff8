"""A forecast names the options with which a run fits into a device."""

from __future__ import annotations

import pytest

from trainers.forecast.accelerators import Accelerator
from trainers.forecast.forecast import CONTEXT, Activations, Forecast, Stage

GB = 10**9


def forecast_of(*stages: Stage) -> Forecast:
    caches = Stage("caches", 0, 0, 1, {"encoders": 2 * GB}, Activations(False, GB, 0))
    return Forecast("t", 1, 1, (caches, *stages), 7.0, {}, 0, {}, 0, 0.0)


def stage(batch: int, at_once: int, gigabytes: float, recomputed: float | None = None) -> Stage:
    other = None if recomputed is None else Activations(True, int(recomputed * GB), 30)
    return Stage("p", 10, batch, at_once, {"denoiser": 5 * GB}, Activations(False, int(gigabytes * GB), 20), other)


@pytest.mark.parametrize(
    ("memory", "options"),
    [
        (40, ""),
        (22, "--accumulate 2"),
        (8, "--accumulate 16"),
        (6.1, "--accumulate 8 --set gradient_checkpointing=true"),
        (5, None),
    ],
)
def test_less_memory_needs_smaller_parts_and_then_recomputation(memory: float, options: str | None) -> None:
    forecast = forecast_of(stage(16, 16, 32, recomputed=8))
    accelerator = Accelerator("x", int(memory * GB) + CONTEXT, 1e12)
    assert forecast_of(stage(16, 16, 32)).options_for(Accelerator("y", 7 * GB + CONTEXT, 1e12)) == "--accumulate 16"
    assert forecast.options_for(accelerator) == options


def test_all_phases_get_the_same_parts_which_divide_their_batches() -> None:
    forecast = forecast_of(stage(12, 12, 12), stage(8, 8, 1))
    assert forecast.options_for(Accelerator("x", 9 * GB + CONTEXT, 1e12)) == "--accumulate 4"


def test_operations_are_those_of_all_parts_of_all_updates_and_of_the_caches() -> None:
    assert forecast_of(stage(16, 4, 1)).flops == 7 + 10 * 20 * 4


def test_caches_that_do_not_fit_cannot_be_split() -> None:
    assert forecast_of(stage(4, 4, 1)).options_for(Accelerator("x", 2 * GB + CONTEXT, 1e12)) is None
