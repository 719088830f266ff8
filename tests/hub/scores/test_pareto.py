"""The Pareto front of quality against cost."""

from __future__ import annotations

from hub.scores.pareto import pareto_front


def test_a_dearer_point_that_is_equal_or_worse_is_not_on_the_front():
    assert pareto_front([(10, 0.5), (20, 0.5), (30, 0.4), (40, 0.9)]) == [0, 3]


def test_of_points_of_equal_cost_the_best_is_on_the_front():
    assert pareto_front([(10, 0.5), (10, 0.7), (5, 0.1)]) == [2, 1]


def test_equal_points_are_all_on_the_front():
    assert pareto_front([(10, 0.5), (10, 0.5), (5, 0.5)]) == [2]
    assert pareto_front([(10, 0.5), (10, 0.5)]) == [0, 1]
    assert pareto_front([]) == []
