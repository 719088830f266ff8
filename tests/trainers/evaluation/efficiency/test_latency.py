"""Latencies are those of single calls, taken in turn after one that is not counted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from trainers.evaluation.confidence import bootstrap_median
from trainers.evaluation.efficiency import latency
from trainers.evaluation.efficiency.latency import machine_label, milliseconds_of, time_in_turn

CPU = torch.device("cpu")


def test_ways_take_turns_and_the_first_call_of_each_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[str, int]] = []
    timed: list[tuple[str, int]] = []

    def clock(call: Callable[[], object], _: torch.device) -> float:
        call()
        timed.append(called[-1])
        return {"direct": 10.0, "translated": 20.0}[called[-1][0]] + called[-1][1]

    monkeypatch.setattr(latency, "milliseconds_of", clock)
    ways = [lambda place, name=name: called.append((name, place)) for name in ("direct", "translated")]
    assert time_in_turn(ways, 2, CPU).tolist() == [[10, 20], [11, 21]]
    assert called[:2] == [("direct", -1), ("translated", -1)]
    assert timed == [("direct", 0), ("translated", 0), ("direct", 1), ("translated", 1)]


def test_a_call_is_made_once_and_takes_time() -> None:
    calls: list[int] = []
    assert milliseconds_of(lambda: calls.append(1), CPU) > 0
    assert calls == [1]


def test_the_median_has_an_interval_that_widens_with_the_spread_and_narrows_with_n() -> None:
    narrow, wide = torch.tensor([9.0, 10.0, 11.0, 10.0]), torch.tensor([2.0, 10.0, 30.0, 10.0])
    close, far = bootstrap_median(narrow, seed=0), bootstrap_median(wide, seed=0)
    assert close.value == far.value == 10
    assert far.low < close.low <= 10 <= close.high < far.high
    more = bootstrap_median(wide.repeat(20), seed=0)
    assert (more.count, more.value) == (80, 10)
    assert more.high - more.low < far.high - far.low
    assert bootstrap_median(torch.tensor([3.0]), seed=0).high == 3
    assert bootstrap_median(wide, seed=0) == far
    with pytest.raises(ValueError, match="no values"):
        bootstrap_median(torch.tensor([]), seed=0)


def test_the_machine_is_named_with_its_threads_and_the_type_of_the_weights() -> None:
    label = machine_label(CPU, torch.float32)
    threads = torch.get_num_threads()
    assert label.endswith(f", {threads} thread{'s' * (threads != 1)}, float32")
    assert label.partition(",")[0].strip()
    assert machine_label(CPU, torch.bfloat16) != label
