"""Jobs in memory: what was requested, how far it is, and the images. Nothing is written to disk or to the log."""

from __future__ import annotations

import asyncio
import secrets
import time
from base64 import b64decode
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from hub.generation.requests import GenerationRequest

KEEP_S = 3600.0
"""Seconds that a finished job stays available."""
MAX_KEPT_BYTES = 256 << 20
"""Maximum size of all images; beyond it, the oldest finished jobs are dropped."""
WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"
FINISHED = (DONE, FAILED, CANCELLED)


@dataclass(slots=True)
class Column:
    """The state of one column."""

    step: int = 0
    steps: int = 0
    is_done: bool = False
    png: bytes | None = None
    text: str = ""
    seconds: float | None = None


@dataclass(slots=True, eq=False)
class Job:
    """A request and its state. `version` grows with every change that a visitor can see."""

    visitor: str
    request: GenerationRequest
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    state: str = WAITING
    problem: str = ""
    version: int = 1
    columns: list[Column] = field(default_factory=list)
    finished_at: float = 0.0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.columns = [Column() for _ in self.request.columns]

    @property
    def is_finished(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in FINISHED

    @property
    def size_bytes(self) -> int:
        """Size of its images."""
        return sum(len(each.png) for each in self.columns if each.png)

    def touch(self) -> None:
        """Wake up everybody who waits for a change."""
        self.version += 1
        self._changed.set()
        self._changed = asyncio.Event()

    def start(self) -> None:
        """Set the state of a job that a process works on."""
        self.state = RUNNING
        self.touch()

    def finish(self, state: str, problem: str = "") -> None:
        """Set the final state, unless the job has one."""
        if not self.is_finished:
            self.state, self.problem, self.finished_at = state, problem, time.monotonic()
            self.touch()

    def apply(self, event: dict[str, Any]) -> None:
        """Record an event of the process that works on it. Events after the end of the job are ignored."""
        if self.is_finished:
            return
        if event["event"] in {"done", "cancelled"}:
            self.finish(event["event"])
        elif event["event"] == "failed":
            self.finish(FAILED, event["message"])
        elif event["event"] in {"step", "image"}:
            column = self.columns[event["column"]]
            if event["event"] == "step":
                column.step, column.steps = event["step"], event["steps"]
            else:
                column.png = b64decode(event["png"]) if event["png"] else None
                column.text, column.seconds, column.is_done = event["text"], event["seconds"], True
            self.touch()

    async def changed(self, after: int, timeout_s: float) -> None:
        """Wait until the version is larger than `after` or the job is finished, at most `timeout_s`."""
        ends_at = time.monotonic() + timeout_s
        while self.version <= after and not self.is_finished and (left := ends_at - time.monotonic()) > 0:
            try:
                async with asyncio.timeout(left):
                    await self._changed.wait()
            except TimeoutError:
                return

    def describe(self, position: int) -> dict[str, Any]:
        """Return the state as JSON values, without images. `position`: number of jobs before it, if it waits."""
        columns = [
            {
                "step": each.step,
                "steps": each.steps,
                "done": each.is_done,
                "image": each.png is not None,
                "text": each.text,
                "seconds": each.seconds,
            }
            for each in self.columns
        ]
        return {
            "id": self.id, "state": self.state, "problem": self.problem, "version": self.version, "position": position,
            "request": self.request.to_json(), "columns": columns,
        }  # fmt: skip


class Jobs:
    """All jobs by id, oldest first. Finished ones are dropped after KEEP_S, or earlier if images need the memory."""

    def __init__(self, keep_s: float = KEEP_S, max_bytes: int = MAX_KEPT_BYTES) -> None:
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._keep_s, self._max_bytes = keep_s, max_bytes

    def find(self, id: str) -> Job | None:
        """Return a job."""
        self._drop_old()
        return self._jobs.get(id)

    def add(self, job: Job) -> None:
        """Keep a new job."""
        self._jobs[job.id] = job
        self._drop_old()

    def unfinished(self, visitor: str) -> int:
        """Return how many jobs of a visitor wait or run."""
        return sum(each.visitor == visitor and not each.is_finished for each in self._jobs.values())

    def same(self, visitor: str, request: GenerationRequest) -> Job | None:
        """Return the visitor's own job with an equal request that has not failed: the images would be the same."""
        for job in reversed(self._jobs.values()):
            if job.visitor == visitor and job.request == request and job.state not in {FAILED, CANCELLED}:
                return job
        return None

    def _drop_old(self) -> None:
        now, size = time.monotonic(), sum(job.size_bytes for job in self._jobs.values())
        for job in [each for each in self._jobs.values() if each.is_finished]:
            if size <= self._max_bytes and now - job.finished_at <= self._keep_s:
                continue
            size -= job.size_bytes
            del self._jobs[job.id]
