"""The queue of jobs and the processes that work on them. All of it runs on one event loop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from hub.errors import NotServed, RateLimited
from hub.generation.requests import GenerationRequest, Pinned
from server.parts.try_it.jobs import CANCELLED, DONE, FAILED, Job, Jobs
from server.parts.try_it.process import COMMAND, GenerationProcess, ProcessEnded
from server.parts.try_it.settings import WINDOW_S, Settings

GRACE_S = 5.0
"""Seconds in which a cancelled job must end; then its process is replaced."""
MAX_PAUSE_S = 60.0
"""Longest pause before a process that keeps ending is started again."""
CRASHED = "the process that generates images stopped unexpectedly and is restarted: try again."
_log = logging.getLogger("server.try")


class JobQueue:
    """Waiting and running jobs. `run` starts as many workers as configured."""

    def __init__(self, settings: Settings, command: Sequence[str] = COMMAND) -> None:
        self._settings = settings
        self._jobs = Jobs()
        self._waiting: deque[Job] = deque()
        self._arrived = asyncio.Condition()
        self._limit = RateLimitItemPerSecond(settings.images, WINDOW_S, "images")
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._workers = [_Worker(self, settings, command) for _ in range(settings.workers)]
        self.unavailable = ""
        """Reason why no process can generate images, if one has reported it."""

    async def run(self) -> None:
        """Work on jobs until this task is cancelled; then end all processes."""
        try:
            async with asyncio.TaskGroup() as group:
                for worker in self._workers:
                    group.create_task(worker.run())
        finally:
            for worker in self._workers:
                await worker.end()

    async def submit(self, visitor: str, request: GenerationRequest) -> Job:
        """Return a new job, or the visitor's equal one. Raises RateLimited and NotServed."""
        if (known := self._jobs.same(visitor, request)) is not None:
            return known
        if self.unavailable:
            raise NotServed(self.unavailable)
        if self._jobs.unfinished(visitor) >= self._settings.per_visitor:
            raise RateLimited(
                f"{self._settings.per_visitor} of your prompts are unfinished: wait for one, or cancel it.", 5
            )
        if len(self._waiting) >= self._settings.queue:
            raise RateLimited(
                f"{len(self._waiting)} prompts are waiting, which is the limit: try again in a minute.", 60
            )
        if not self._limiter.hit(self._limit, visitor, cost=len(request.columns)):
            wait_s = max(1, round(self._limiter.get_window_stats(self._limit, visitor).reset_time - time.time()))
            allowed = f"{self._settings.images} images in {WINDOW_S // 60} minutes"
            raise RateLimited(f"you have reached the limit of {allowed}: try again in {wait_s} s.", wait_s)
        job = Job(visitor, request)
        self._jobs.add(job)
        async with self._arrived:
            self._waiting.append(job)
            self._arrived.notify()
        return job

    async def prepare(self, base: Pinned) -> None:
        """Start a process and load a base, if no process runs, so that it is ready when the first prompt is typed."""
        worker = self._workers[0]
        if not self.unavailable and not any(each.is_running for each in self._workers):
            await worker.start()
            worker.send({"prepare": {"name": base.name, "revision": base.revision}})

    def find(self, id: str) -> Job | None:
        """Return a job."""
        return self._jobs.find(id)

    def position(self, job: Job) -> int:
        """Return how many jobs are before a waiting one; 0 for others."""
        return self._waiting.index(job) if job in self._waiting else 0

    def cancel(self, job: Job) -> None:
        """Cancel a job. A running one is stopped; if it does not stop, its process is replaced."""
        if job in self._waiting:
            self._waiting.remove(job)
            self._touch_waiting()
        for worker in self._workers:
            worker.cancel(job)
        job.finish(CANCELLED)

    def status(self) -> dict[str, Any]:
        """Return the state of the queue as JSON values."""
        device = next((each.device for each in self._workers if each.device), "")
        return {
            "waiting": len(self._waiting), "running": sum(each.is_busy for each in self._workers), "device": device,
            "unavailable": self.unavailable,
        }  # fmt: skip

    async def next(self) -> Job:
        """Wait for a job and remove it from the queue."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: bool(self._waiting))
            job = self._waiting.popleft()
        self._touch_waiting()
        return job

    def fail_waiting(self, reason: str) -> None:
        """Fail all waiting jobs."""
        while self._waiting:
            self._waiting.popleft().finish(FAILED, reason)

    def _touch_waiting(self) -> None:
        for job in self._waiting:
            job.touch()


class _Worker:
    """Works on one job at a time with a process that it starts when needed and replaces when it ends."""

    def __init__(self, queue: JobQueue, settings: Settings, command: Sequence[str]) -> None:
        self._queue, self._settings, self._command = queue, settings, command
        self._process: GenerationProcess | None = None
        self._starting = asyncio.Lock()
        self._job: Job | None = None
        self._crashes = 0
        self._killing: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.is_running

    @property
    def is_busy(self) -> bool:
        return self._job is not None

    @property
    def device(self) -> str:
        return self._process.device if self._process is not None else ""

    def send(self, message: dict[str, Any]) -> None:
        if self._process is not None:
            self._process.send(message)

    async def run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._settings.idle):
                    job = await self._queue.next()
            except TimeoutError:
                await self.end()
                continue
            self._job = job
            try:
                await self._work(job)
            except Exception:  # noqa: BLE001 - the queue must go on, whatever one job does
                _log.exception("job %s of the page /try failed", job.id)
                await self.end()
            finally:
                job.finish(FAILED, CRASHED)  # A job that no process works on must not keep a visitor waiting.
                self._job = None

    async def _work(self, job: Job) -> None:
        job.start()
        try:
            async with asyncio.timeout(self._settings.seconds):
                process = await self.start()
                if job.is_finished:  # Cancelled before a process was assigned.
                    return
                process.send({"job": job.id, "request": job.request.to_json()})
                async for event in process.events():
                    if event["event"] == "unavailable":
                        self._queue.unavailable = event["message"]
                        job.finish(FAILED, event["message"])
                        self._queue.fail_waiting(event["message"])
                    elif event.get("job") == job.id:
                        job.apply(event)
                        if event.get("log"):
                            _log.error("job %s failed: %s", job.id, event["log"])
                        if event["event"] in {DONE, FAILED, CANCELLED}:
                            self._crashes = 0
                            return
        except TimeoutError:
            job.finish(FAILED, f"the images took longer than {self._settings.seconds} s: choose fewer modules.")
            await self.end()
        except (ProcessEnded, OSError):
            await self._replace(job)

    async def _replace(self, job: Job) -> None:
        """Report a process that has ended. The next job starts another one, after a pause if that happens repeatedly."""
        was_expected, process = job.is_finished, self._process
        job.finish(FAILED, CRASHED)
        await self.end()
        if not was_expected:
            self._crashes += 1
            errors = process.last_errors if process is not None else ""  # All of them: the process has ended.
            _log.error("the process that generates images ended during job %s; its last output:\n%s", job.id, errors)
            if self._crashes > 1:
                await asyncio.sleep(min(2.0 ** (self._crashes - 1), MAX_PAUSE_S))

    async def start(self) -> GenerationProcess:
        """Return the running process, or start one. Raises OSError."""
        async with self._starting:
            if self._process is None or not self._process.is_running:
                await self.end()
                self._process = await GenerationProcess.start(self._command)
            return self._process

    def cancel(self, job: Job) -> None:
        if self._job is job and self._process is not None:
            self._process.send({"cancel": job.id})
            asyncio.get_running_loop().call_later(GRACE_S, self._end_if_busy, job, self._process)

    def _end_if_busy(self, job: Job, process: GenerationProcess) -> None:
        if self._job is job and self._process is process:
            self._killing = asyncio.create_task(process.kill())

    async def end(self) -> None:
        """End the process, if one runs."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                await process.kill()
