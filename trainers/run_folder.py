"""The folder of a run: the request it was started with, whether it can be resumed, and the shorter runs that it continues."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.errors import InvalidRequest, Unreachable
from trainers.phases import finished_steps
from trainers.samples.samples import FOLDER as SAMPLES

REQUEST_FILE = "order.json"
EARLIER = "earlier"
"""Key of the earlier runs in REQUEST_FILE."""


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """A run that a longer one continues. Its learning rate followed the schedule for its own length."""

    steps: int | None
    """As in its request."""
    is_finished: bool
    """Whether it had ended, or was stopped, when it was continued."""


def check_folder(folder: Path, *, resume: bool, overwrite: bool) -> None:
    """Raise `InvalidRequest` if there is no run to resume, or one that is neither to be resumed nor overwritten."""
    there = (folder / REQUEST_FILE).is_file()
    if resume and not there:
        raise InvalidRequest(f"there is no run to resume in {folder.name}: start one without `--resume`.")
    if there and not (resume or overwrite):
        raise InvalidRequest(
            f"there is a run in {folder} already: continue it with `--resume`, replace it with `--overwrite`, or choose another "
            "`--name` or `--out`."
        )


def continued_schedule(folder: Path, wanted_steps: int | None) -> list[list[int]] | None:
    """Return the steps of each phase of a resumed run: more steps than before are for the last one. None for an older run.

    Raises `InvalidRequest` for fewer steps.
    """
    found = json.loads((folder / REQUEST_FILE).read_text())
    schedule: list[list[int]] | None = found.get("schedule")
    if schedule is None or wanted_steps is None or wanted_steps == found["steps"]:
        return schedule
    total = sum(steps for steps, _ in schedule)
    if wanted_steps < total:
        raise InvalidRequest(
            f"cannot resume: the run in {folder.name} has {total} steps: raise `--steps`, or replace it with `--overwrite`."
        )
    schedule[-1][0] += wanted_steps - total
    return schedule


def earlier_runs(folder: Path, wanted_steps: int | None) -> list[EarlierRun]:
    """Return the runs that a resumed run continues: those of its folder, and the last one if this request has more steps."""
    found = json.loads((folder / REQUEST_FILE).read_text())
    earlier = [EarlierRun(**each) for each in found.get(EARLIER, ())]
    schedule: list[list[int]] = found.get("schedule") or []
    if not schedule or wanted_steps is None or wanted_steps <= sum(steps for steps, _ in schedule):
        return earlier
    last = max(folder.glob("[0-9]-*"), default=folder)
    is_finished = last.name.startswith(f"{len(schedule) - 1}-") and finished_steps(last) == schedule[-1][0]
    return [*earlier, EarlierRun(found["steps"], is_finished)]


def start_folder(folder: Path, wanted: dict[str, Any], *, keep: bool) -> None:
    """Write the request to `folder`, and remove an earlier run unless it is to `keep`. Raises `Unreachable`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in [] if keep else [*folder.glob("[0-9]-*"), *folder.glob(SAMPLES)]:
            shutil.rmtree(old)
        (folder / REQUEST_FILE).write_text(json.dumps(wanted, indent=1))
    except OSError as error:
        raise Unreachable(
            f"the run cannot be saved in {folder}: {error.strerror}. Choose another folder with `--out`."
        ) from error


def check_same_request(folder: Path, wanted: dict[str, Any]) -> None:
    """Check that a resumed run used the same request, frozen models and data. Raises `InvalidRequest`."""
    found = json.loads((folder / REQUEST_FILE).read_text())
    ignored = {"schedule", "sets", EARLIER}  # `changes` has the values of `sets`.
    if "schedule" in found and wanted["steps"] is not None:
        ignored.add("steps")
    before, now = (_flat({key: value for key, value in each.items() if key not in ignored}) for each in (found, wanted))
    if differing := [
        f"{key} {before.get(key)!r} → {now.get(key)!r}"
        for key in dict.fromkeys([*now, *before])
        if before.get(key) != now.get(key)
    ]:
        raise InvalidRequest(
            f"cannot resume: the run in {folder.name} used different settings ({'; '.join(differing)}). Resume it with the same "
            "ones, or replace it with `--overwrite`."
        )


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the leaves of nested mappings by their path: `changes.phases.denoise.steps`."""
    leaves: dict[str, Any] = {}
    for key, value in values.items():
        leaves |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return leaves
