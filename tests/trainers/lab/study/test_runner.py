"""Runs of the study: resuming, sharing a folder, failing cells, limits; and one cell that is measured for real."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hub.local import LocalHub
from trainers.corpora import open_corpus
from trainers.corpora.emoji import EmojiCorpus
from trainers.evaluation.evaluator import EvaluationSubject, EvaluationTask
from trainers.evaluation.generation import FewStepsEvaluator
from trainers.lab.study.cells import Cell, WorkFolder
from trainers.lab.study.opened import Opened
from trainers.lab.study.plan import Planned, Settings, all_subjects
from trainers.lab.study.runner import Runner

FIRST, SECOND, THIRD = (Cell("text", "base", tag, "pairs") for tag in ("yo", "sw", "hi"))


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    measured: list[str] = []

    def found(self: Runner, cell: Cell) -> dict[str, Any]:
        measured.append(cell.language)
        if cell.language == "sw":
            raise RuntimeError("no memory\nmore lines")
        return {"recall_at_1": [0.5, 0.4, 0.6, 9]}

    monkeypatch.setattr(Runner, "_found", found)
    with LocalHub.open() as hub:
        made = Runner(WorkFolder(tmp_path), Settings(), hub)
        made.measured = measured
        yield made
        made.close()


def planned(*cells: Cell, needs: tuple[Cell, ...] = (), seconds: float = 1.0) -> list[Planned]:
    return [Planned(cell, needs, seconds) for cell in cells]


def test_a_second_run_measures_missing_cells(runner, tmp_path: Path) -> None:
    told: list[str] = []
    assert runner.run(planned(FIRST), tell=told.append).measured == 1
    assert runner.run(planned(FIRST, THIRD), tell=told.append).measured == 1
    assert runner.measured == ["yo", "hi"]
    assert told[0].startswith("[1/1] text/base/yo-pairs-s0-n0: recall_at_1 0.50")


def test_a_cell_that_fails_is_reported_in_one_line_and_omitted_with_those_that_need_it(runner) -> None:
    outcome = runner.run([*planned(SECOND), *planned(FIRST, needs=(SECOND,)), *planned(THIRD)], tell=lambda _: None)
    assert outcome.failed == {SECOND.key: "RuntimeError: no memory", FIRST.key: "a cell that it needs failed"}
    assert runner.measured == ["sw", "hi"]
    assert outcome.measured == 1


def test_a_cell_that_another_process_computes_is_left_to_it(runner, tmp_path: Path) -> None:
    with WorkFolder(tmp_path).lock(FIRST):
        runner.run(planned(FIRST, THIRD), limit_s=2.0, tell=lambda _: None)
    assert runner.measured == ["hi"]


def test_no_cell_is_started_that_would_end_after_the_limit(runner) -> None:
    runner.run([*planned(FIRST, seconds=50), *planned(THIRD, seconds=1)], limit_s=20, tell=lambda _: None)
    assert runner.measured == ["hi"]


@pytest.mark.slow
def test_an_image_cell_agrees_with_the_benchmark_and_is_not_generated_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell, corpus, gallery = (
        Cell("draw", "english", "yo", "pairs", 0, 4, "steps-8"),
        open_corpus("emoji"),
        EmojiCorpus.gallery,
    )
    named = {
        prompt.concept for prompt in corpus.prompts("yo", "pairs")
    }  # of the thousand that the judge would read and look at
    monkeypatch.setattr(
        EmojiCorpus, "gallery", lambda *given: [each for each in gallery(*given) if each.concept in named]
    )
    with LocalHub.open() as hub:
        runner = Runner(WorkFolder(tmp_path), Settings(steps=2), hub)
        runner.run(planned(cell), tell=lambda _: None)
        ranks = WorkFolder(tmp_path).read(cell).found["ranks"]
        plain = runner._subjects.open(all_subjects()["english"]).plain
        task = EvaluationTask(corpus, "pairs", "yo", hub, 4, quiet=True, translated=True)
        scores = {
            each.metric: each.value
            for each in FewStepsEvaluator().evaluate(EvaluationSubject("e", pipeline=plain), task)
        }
        assert sum(rank < 1 for rank in ranks) / 4 == scores["r_precision_at_1"]
        monkeypatch.setattr(Opened, "pipeline", lambda *_: pytest.fail("the images are known"))
        other = Cell("draw", "english", "yo", "pairs", 0, 2, "steps-8")
        runner.run(planned(other), tell=lambda _: None)
        assert WorkFolder(tmp_path).read(other).found["ranks"] == ranks[:2]
        runner.close()
