"""Only missing results are computed, in batches that do not depend on which are missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from trainers.evaluation.evaluator import EvaluationSubject
from trainers.evaluation.results.result_log import Result, ResultLog
from trainers.evaluation.results.work import Work, batches_of, results_of

SUBJECT = EvaluationSubject("some")


def squares(keys: Sequence[str], log: ResultLog, asked: list[list[str]], **other: Any) -> Work:
    def compute(_: EvaluationSubject, places: Sequence[int]) -> list[Result]:
        asked.append([keys[place] for place in places])
        return [Result(torch.tensor([float(keys[place]) ** 2])) for place in places]

    settings = {"label": "squares", "unit": "text", "batch_size": lambda _: 2, **other}
    return Work(keys=tuple(keys), log=log, compute=compute, **settings)


def values(work: Work) -> list[float]:
    return [float(result.features_D) for result in results_of(work, SUBJECT, quiet=True)]


def test_results_are_in_the_order_of_their_keys_and_equal_keys_are_computed_once() -> None:
    asked: list[list[str]] = []
    log = ResultLog(None)
    assert values(squares("31321", log, asked)) == [9, 1, 9, 4, 1]
    assert [sorted(batch) for batch in asked] == [["1", "3"], ["2"]]
    assert values(squares("2514", log, asked)) == [4, 25, 1, 16]
    assert asked[2:] == [["5"], ["4"]], "what is missing of each part of the list"


def test_a_result_whose_file_is_gone_is_computed_again() -> None:
    asked: list[list[str]] = []
    log = ResultLog(None)
    values(squares("123", log, asked))
    assert values(squares("123", log, asked, is_kept=lambda place: place != 1)) == [1, 4, 9]
    assert asked[2:] == [["2"]]


def test_a_list_is_divided_into_the_same_batches_whether_it_is_continued_or_not() -> None:
    whole = batches_of(range(10), 4)
    assert whole == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert batches_of(range(4, 10), 4) == whole[1:]
    assert batches_of(range(10), 4, processes=2) == whole, "each process takes whole batches"
    assert batches_of(range(10), 64, processes=4) == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]], "so that all have work"
    assert batches_of([], 4, processes=2) == []
