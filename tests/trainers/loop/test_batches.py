"""Batches depend on seed and step alone; work that does not fit into memory is halved."""

from __future__ import annotations

import pytest
import torch

from hub.errors import OutOfMemory
from trainers.loop.failures import compute_in_parts
from trainers.loop.sampler import GroupedSampler, Sampler, generator_of


def test_batches_depend_on_seed_and_step_alone() -> None:
    sampler = Sampler(7, 3, seed=1)
    in_order = [sampler.draw(step) for step in range(8)]
    for step in (6, 0, 3):
        assert torch.equal(Sampler(7, 3, seed=1).draw(step), in_order[step])
        assert torch.equal(sampler.draw(step), in_order[step])
    assert not all(torch.equal(Sampler(7, 3, seed=2).draw(step), in_order[step]) for step in range(8))
    assert sorted(torch.cat(in_order)[:7].tolist()) == list(range(7))


def test_weighted_batches_never_contain_examples_of_weight_zero() -> None:
    sampler = Sampler(3, 1000, seed=1, weights=torch.tensor([0.0, 1.0, 3.0], dtype=torch.float64))
    counts = torch.bincount(sampler.draw(5), minlength=3)
    assert counts[0] == 0
    assert 650 < counts[2] < 850


def test_noise_depends_on_seed_step_and_rank() -> None:
    def noise(*parts: int) -> list[float]:
        return torch.randn(3, generator=generator_of(parts[0], "noise", *parts[1:])).tolist()

    assert noise(1, 2, 0) == noise(1, 2, 0)
    assert len({tuple(noise(*parts)) for parts in ((1, 2, 0), (1, 2, 1), (1, 3, 0), (2, 2, 0))}) == 4


def test_weighted_batches_are_those_of_torch_and_have_no_limit() -> None:
    weights = torch.rand(3000, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    weights[::7] = 0
    for step in range(50):
        expected = torch.multinomial(weights, 64, replacement=True, generator=generator_of(9, "draw", step))
        assert torch.equal(Sampler(3000, 64, seed=9, weights=weights).draw(step), expected)
    many = 2**24 + 5
    drawn = Sampler(many, 64, seed=9, weights=torch.ones(many)).draw(0)
    assert drawn.min() >= 0
    assert drawn.max() < many


def test_batches_of_one_group_have_no_limit_either() -> None:
    many = 2**24 + 5
    groups, weights = torch.zeros(many, dtype=torch.int16), torch.ones(many)
    groups[-1], weights[-1] = 1, many / 2
    sampler = GroupedSampler(groups, weights, 4, seed=9, parts=2, processes=1)
    drawn = torch.stack([sampler.draw(step) for step in range(60)])
    share = (drawn == many - 1).float().mean().item()
    assert 0.2 < share < 0.47, "a third of the weight is that of the last example"


@pytest.mark.parametrize("fits", [1, 3, 8])
def test_work_that_does_not_fit_into_memory_is_halved_until_it_does(fits: int) -> None:
    asked: list[int] = []

    def compute(first: int, last: int) -> list[int]:
        asked.append(last - first)
        if last - first > fits:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return list(range(first, last))

    parts = compute_in_parts(compute, 2, 10, what="images")
    assert [place for part in parts for place in part] == list(range(2, 10))
    assert max(map(len, parts)) <= fits
    assert asked[0] == 8


def test_one_image_that_does_not_fit_into_memory_is_reported_in_one_line() -> None:
    def compute(first: int, last: int) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")

    with pytest.raises(OutOfMemory, match="not even one of the images fits"):
        compute_in_parts(compute, 0, 4, what="images")


def test_an_error_that_is_not_about_memory_is_not_tried_again() -> None:
    calls: list[int] = []

    def compute(first: int, last: int) -> None:
        calls.append(first)
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        compute_in_parts(compute, 0, 4, what="images")
    assert calls == [0]


@pytest.mark.parametrize(("parts", "processes"), [(1, 1), (2, 1), (1, 2), (2, 2)])
def test_without_weights_every_example_of_a_group_is_used_once_an_epoch(parts: int, processes: int) -> None:
    groups = torch.tensor([-1, *([0] * 16), *([1] * 8), *([2] * 24)])
    steps = 48 // 8
    sampler = GroupedSampler(groups, None, 8, seed=5, parts=parts, processes=processes)
    epochs = [[sampler.draw(epoch * steps + step) for step in range(steps)] for epoch in range(2)]
    for epoch in epochs:
        assert sorted(torch.cat(epoch).tolist()) == list(range(1, 49))
    assert not torch.equal(torch.cat(epochs[0]), torch.cat(epochs[1]))
    shards = parts * processes
    for batch in (*epochs[0], *epochs[1]):
        for part in range(parts):
            own = [batch[part * processes + rank :: shards] for rank in range(processes)]
            assert len({*groups[torch.cat(own)].tolist()}) == 1, "all processes compute one group at a time"
            assert len({len(each) for each in own}) == 1
    again = GroupedSampler(groups, None, 8, seed=5, parts=parts, processes=processes)
    for step in (9, 2, 11):
        assert torch.equal(again.draw(step), epochs[step // steps][step % steps]), "a resumed run draws the same"


def test_the_last_part_of_a_group_is_filled_from_the_group() -> None:
    groups = torch.tensor([0] * 5 + [1] * 2)
    sampler = GroupedSampler(groups, None, 4, seed=1, parts=1, processes=1)
    drawn = [sampler.draw(step) for step in range(3)]
    assert {*torch.cat(drawn).tolist()} == set(range(7))
    assert all(len({*groups[batch].tolist()}) == 1 for batch in drawn)
    assert {*drawn[[len({*groups[each].tolist()} & {1}) for each in drawn].index(1)].tolist()} == {5, 6}


def test_two_processes_sample_the_same_as_one() -> None:
    groups, weights = torch.arange(40) % 3, torch.rand(40, generator=torch.Generator().manual_seed(0))
    one, two = (GroupedSampler(groups, weights, 8, seed=2, parts=1, processes=each) for each in (1, 2))
    for step in range(5):
        assert torch.equal(one.draw(step), two.draw(step))
