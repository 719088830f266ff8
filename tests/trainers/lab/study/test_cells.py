"""Cells of the study and their folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.errors import DamagedFile, InvalidRequest
from trainers.lab.study.cells import Cell, Result, WorkFolder

CELL = Cell("draw", "memory-many", "yo", "pairs", 0, 128)


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    work = WorkFolder(tmp_path)
    result = Result(CELL, 1.25, {"ranks": [0, 3], "concepts": ["2764", "1f418"]}, "a machine")
    assert not work.has(CELL)
    work.write(result)
    assert work.has(CELL)
    assert work.read(CELL) == result
    assert work.results() == [result]


def test_cells_that_differ_have_different_files(tmp_path: Path) -> None:
    cells = [
        CELL,
        Cell("draw", "memory-many", "yo", "pairs", 1, 128),
        Cell("draw", "memory-many", "yo", "pairs", 0, 128, "steps-20"),
    ]
    assert len({WorkFolder(tmp_path).path(cell) for cell in cells}) == len(cells)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"kind": "draw"}'])
def test_a_file_that_is_not_a_cell_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    work = WorkFolder(tmp_path)
    work.path(CELL).parent.mkdir(parents=True)
    work.path(CELL).write_text(text)
    with pytest.raises(DamagedFile, match="yo-pairs-s0-n128.json is not a cell"):
        work.results()


def test_a_cell_is_locked_by_one_process_at_a_time(tmp_path: Path) -> None:
    first, second = WorkFolder(tmp_path), WorkFolder(tmp_path)
    with first.lock(CELL) as is_free:
        assert is_free
        with second.lock(CELL) as is_free_as_well:
            assert not is_free_as_well
    with second.lock(CELL) as is_free_again:
        assert is_free_again


def test_a_folder_holds_one_study(tmp_path: Path) -> None:
    work = WorkFolder(tmp_path / "study")
    with pytest.raises(InvalidRequest, match="holds no study"):
        work.settings()
    work.start({"headline": 128})
    work.start({"headline": 128})
    with pytest.raises(InvalidRequest, match="headline 128, not 3: use another folder"):
        work.start({"headline": 3})
