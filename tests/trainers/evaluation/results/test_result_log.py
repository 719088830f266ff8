"""Results are kept as they are computed, and read again as far as they were written."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hub.errors import Unreachable
from trainers.evaluation.results.result_log import Result, ResultLog, ResultLogs


def result(value: float, text: str = "") -> Result:
    return Result(torch.tensor([value, -value, 1 / 3]), text)


def test_results_are_read_as_they_were_written_by_all_processes(tmp_path: Path) -> None:
    ResultLog(tmp_path).append({"a": result(0.1, "Geöffnet\n"), "b": result(2e-30)})
    ResultLog(tmp_path).append({"c": result(3)})
    found = ResultLog(tmp_path).known
    assert sorted(found) == ["a", "b", "c"]
    assert torch.equal(found["b"].features_D, result(2e-30).features_D)
    assert found["a"].text == "Geöffnet\n"


@pytest.mark.parametrize("cut", [2, 40, 80])
def test_a_batch_that_was_interrupted_while_it_was_written_counts_as_not_computed(tmp_path: Path, cut: int) -> None:
    log = ResultLog(tmp_path)
    log.append({"a": result(1)})
    log.append({"b": result(2), "c": result(3)})
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-cut])
    again = ResultLog(tmp_path)
    assert set(again.known) == {"a"}
    again.append({"d": result(4)})
    assert set(ResultLog(tmp_path).known) == {"a", "d"}, "what follows is in another file"


def test_other_lines_in_a_log_are_left_out(tmp_path: Path) -> None:
    ResultLog(tmp_path).append({"a": result(1)})
    (path,) = tmp_path.iterdir()
    lines = [b"{}", b"[1]", b"\xff", b'{"keys": ["x"], "texts": [], "width": 3, "features": ""}', b"null"]
    path.write_bytes(path.read_bytes() + b"\n".join(lines))
    assert set(ResultLog(tmp_path).known) == {"a"}


def test_logs_differ_by_everything_that_their_results_depend_on_and_are_removed_together(tmp_path: Path) -> None:
    logs = ResultLogs(tmp_path)
    first, second = logs.open("m@1", "judge", 0), logs.open("m@1", "judge", 1)
    assert first is logs.open("m@1", "judge", 0)
    first.append({"a": result(1)})
    second.append({"a": result(2)})
    assert logs.count == 2
    assert ResultLogs(tmp_path).open("m@2", "judge", 0).known == {}
    assert set(ResultLogs(tmp_path).open("m@1", "judge", 0).known) == {"a"}
    logs.remove()
    assert not list(tmp_path.iterdir())


def test_results_of_an_unknown_subject_stay_in_memory(tmp_path: Path) -> None:
    logs = ResultLogs(tmp_path)
    logs.open("", "judge").append({"a": result(1)})
    assert set(logs.open("", "judge").known) == {"a"}
    assert (logs.count, list(tmp_path.iterdir())) == (0, [])


def test_a_folder_that_cannot_be_written_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unreachable, match="results of the evaluation cannot be written .*HUB_HOME") as caught:
        ResultLog(tmp_path / "file" / "log").append({"a": result(1)})
    assert "\n" not in str(caught.value)
