"""Workers of a Ray cluster stay open from call to call."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from hub.errors import InvalidRequest
from trainers.inputs.ray_job import RayJob, cluster


@pytest.mark.slow
@pytest.mark.usefixtures("ray_cluster")
def test_a_worker_is_opened_once_for_all_calls_and_rows(tmp_path: Path) -> None:
    class Counting:
        def __init__(self, folder: Path) -> None:
            self.folder = folder
            with (folder / "opened").open("a") as file:
                file.write("x")

        def rows(self) -> list[dict[str, int]]:
            return [{"number": number} for number in range(3)]

        def __call__(self, row: dict[str, int]) -> dict[str, int]:
            (self.folder / f"row {row['number']}").touch()
            return row

        def seen(self) -> list[str]:
            return sorted(path.name for path in self.folder.glob("row *"))

    with cluster("a test", on_cpu=True, quiet=True) as job, job.workers(Counting, tmp_path) as workers:
        workers.map(workers.call("rows"), quiet=True)
        assert workers.call("seen") == ["row 0", "row 1", "row 2"]
    assert (tmp_path / "opened").read_text() == "x"


@pytest.mark.slow
@pytest.mark.usefixtures("ray_cluster")
def test_an_error_of_opening_a_worker_and_one_of_a_row_are_raised_as_in_one_process() -> None:
    class Refusing:
        def __init__(self, opens: bool) -> None:
            if not opens:
                raise InvalidRequest("it does not open")

        def __call__(self, row: dict[str, int]) -> None:
            raise InvalidRequest(f"row {row['number']} is refused")

    def job() -> AbstractContextManager[RayJob]:
        return cluster("a test", on_cpu=True, quiet=True)

    with pytest.raises(InvalidRequest, match="it does not open"), job() as one, one.workers(Refusing, False) as workers:
        workers.call("rows")
    with pytest.raises(InvalidRequest, match="row 7 is refused"), job() as one, one.workers(Refusing, True) as workers:
        workers.map([{"number": 7}], quiet=True)
