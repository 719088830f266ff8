"""Measure the missing cells of a plan, in order. Several processes may work in one folder."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.local import LocalHub
from trainers import defaults
from trainers.corpora import open_corpus
from trainers.evaluation.evaluator import machine
from trainers.lab.study.cells import Cell, Result, WorkFolder
from trainers.lab.study.measures.draw import Drawing
from trainers.lab.study.measures.image_store import ImageStore
from trainers.lab.study.measures.latency import latency_of
from trainers.lab.study.measures.prompts import Prompts
from trainers.lab.study.measures.sheet import draw_strip
from trainers.lab.study.measures.texts import TextMeasures
from trainers.lab.study.opened import Subjects
from trainers.lab.study.plan import Planned, Settings, all_subjects
from trainers.lab.study.training import train_subject

IMAGES = "images.db"
PAUSE_S = 3.0
"""Seconds until a process looks again for cells that wait for another process."""
PACE_FROM_S = 60.0
"""Expected seconds of measured cells from which on their real time corrects the forecast."""
Step = tuple[Planned, Result | None, str]
"""A cell that was measured, with its result or the error."""
WAIT: Step = (Planned(Cell("", ""), (), 0.0), None, "")


@dataclass
class Outcome:
    """The result of a run."""

    measured: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    """Error of each cell that failed, by key. They are tried again by the next run."""
    seconds: float = 0.0
    """Processor time."""


class Runner:
    """Measures cells one at a time."""

    def __init__(self, work: WorkFolder, settings: Settings, hub: LocalHub) -> None:
        self._work, self._settings, self._hub = work, settings, hub
        self._known = all_subjects()
        self._corpus = open_corpus(defaults.CORPUS)
        self._prompts = Prompts(self._corpus, hub)
        self._store = ImageStore(work.folder / IMAGES)
        self._drawing = Drawing(self._prompts, self._store, hub, settings.steps)
        self._texts = TextMeasures(self._prompts)
        self._subjects = Subjects(work, settings.base, hub)

    def run(
        self, plan: Sequence[Planned], *, limit_s: float | None = None, tell: Callable[[str], None] = print
    ) -> Outcome:
        """Measure missing cells, until none is left or a cell would not end within `limit_s` seconds.

        A failed cell is reported and skipped, together with those that need it.
        """
        outcome, started = Outcome(), time.monotonic()
        left = {each.cell.key: each for each in plan if not self._work.has(each.cell)}
        planned_s = 0.0
        while left:
            pace = outcome.seconds / planned_s if planned_s > PACE_FROM_S else 1.0
            found = self._next(left, outcome, None if limit_s is None else limit_s - (time.monotonic() - started), pace)
            if found is None:
                break
            if found is WAIT:
                time.sleep(PAUSE_S)
                continue
            planned, result, error = found
            if result is not None:
                outcome.measured += 1
                outcome.seconds += result.seconds
                planned_s += planned.seconds
            hours = sum(each.seconds for each in left.values()) * pace / 3600
            tell(
                f"[{len(plan) - len(left)}/{len(plan)}] {planned.cell.key}: {error or _headline(result)} · {hours:.1f} CPU-hours left"
            )
        return outcome

    def close(self) -> None:
        """Close the images' file."""
        self._store.close()

    def _next(self, left: dict[str, Planned], outcome: Outcome, remaining_s: float | None, pace: float) -> Step | None:
        """Measure the first cell that can be; return `WAIT` if another process must end one first, None if nothing can be measured."""
        is_busy = False
        for key, planned in list(left.items()):
            if self._work.has(planned.cell):
                del left[key]
            elif any(need.key in outcome.failed for need in planned.needs):
                outcome.failed[key] = "a cell that it needs failed"
                del left[key]
            elif (remaining_s is None or planned.seconds * pace <= remaining_s) and all(
                map(self._work.has, planned.needs)
            ):
                with self._work.lock(planned.cell) as is_free:
                    if is_free and not self._work.has(planned.cell):
                        del left[key]
                        return (planned, *self._measure(planned.cell, outcome))
                    is_busy = is_busy or not is_free
        return WAIT if is_busy and (remaining_s is None or remaining_s > PAUSE_S) else None

    def _measure(self, cell: Cell, outcome: Outcome) -> tuple[Result | None, str]:
        started = time.process_time()
        try:
            found = self._found(cell)
        except Exception as error:  # noqa: BLE001 - a fault in one cell must not end a run of hours
            outcome.failed[cell.key] = f"{type(error).__name__}: {error}".splitlines()[0]
            return None, f"failed: {outcome.failed[cell.key]}"
        result = Result(cell, round(time.process_time() - started, 2), found, machine())
        self._work.write(result)
        return result, ""

    def _found(self, cell: Cell) -> dict[str, Any]:
        subject = self._known[cell.subject]
        if cell.kind == "train":
            self._subjects.forget()
            return train_subject(subject, self._work, self._settings, self._corpus, self._hub)
        opened = self._subjects.open(subject)
        match cell.kind:
            case "draw":
                return self._drawing.measure(cell, opened)
            case "text":
                return self._texts.recall(cell, opened)
            case "retrieve":
                return self._texts.retrieve(cell, opened)
            case "fid":
                return self._drawing.distance(cell, opened, subject.spoken)
            case "latency":
                return latency_of(opened, self._prompts, subject.spoken[0], self._settings.steps)
            case "sheet":
                return draw_strip(cell, opened, self._prompts, self._work.path(cell).with_suffix(".png"))
            case other:
                raise ValueError(f"unknown kind of cell: {other}")


def _headline(result: Result | None) -> str:
    """Return the most important number of a result."""
    if result is None:
        return ""
    found = result.found
    if ranks := found.get("ranks"):
        return f"R@1 {sum(rank < 1 for rank in ranks) / len(ranks):.2f}, R@10 {sum(rank < 10 for rank in ranks) / len(ranks):.2f}"
    for metric in ("recall_at_1", "text_to_image_recall_at_1"):
        if metric in found:
            return f"{metric} {found[metric][0]:.2f}"
    return f"{result.seconds:.0f} s"


def tell_on_stderr(line: str) -> None:
    """Write a line of progress."""
    print(line, file=sys.stderr, flush=True)
