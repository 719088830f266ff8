"""The queue of the page /try, with an imitated generation process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import pytest

from hub.errors import NotServed, RateLimited
from hub.generation.requests import GenerationRequest, Pinned
from server.parts.try_it import job_queue
from server.parts.try_it.job_queue import CRASHED, JobQueue
from server.parts.try_it.jobs import CANCELLED, DONE, FAILED, RUNNING, WAITING, Job, Jobs
from server.parts.try_it.settings import Settings
from tests.builders.server.imitated_worker import COMMAND

BASE = Pinned(name="linguahub/emoji-sd", revision="1")
DEFAULTS = Settings()
MODULE = Pinned(name="linguahub/mulan-yo", revision="2")


def a_request(
    prompt: str = "ọkàn", seed: int = 0, columns: Sequence[Pinned | None] = (None, MODULE)
) -> GenerationRequest:
    return GenerationRequest(prompt=prompt, language="yo", base=BASE, columns=tuple(columns), seed=seed)


def with_queue(
    play: Callable[[JobQueue], Awaitable[None]], settings: Settings = DEFAULTS, command: Sequence[str] = COMMAND
) -> None:
    """Run a queue while `play` uses it."""

    async def run() -> None:
        queue = JobQueue(settings, command)
        working = asyncio.create_task(queue.run())
        try:
            async with asyncio.timeout(60):
                await play(queue)
        finally:
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working

    asyncio.run(run())


async def until(job: Job, is_so: Callable[[Job], bool]) -> None:
    while not is_so(job):
        assert not job.is_finished, (job.state, job.problem)
        await job.changed(job.version, 30)


async def end_of(job: Job) -> str:
    while not job.is_finished:
        await job.changed(job.version, 30)
    return job.state


def test_each_column_gets_steps_then_an_image_and_every_change_has_a_new_version():
    async def play(queue: JobQueue) -> None:
        job = await queue.submit("ada", a_request())
        assert (job.state, queue.position(job)) == (WAITING, 0)
        versions = [job.version]
        while not job.is_finished:
            await job.changed(job.version, 30)
            versions.append(job.version)
        assert versions == sorted(set(versions))
        assert job.state == DONE
        assert [(each.step, each.steps, each.is_done, each.text) for each in job.columns] == [
            (2, 2, True, "column 0"), (2, 2, True, "column 1"),
        ]  # fmt: skip
        assert all(each.png is not None and each.png.startswith(b"\x89PNG") for each in job.columns)

    with_queue(play)


def test_jobs_take_turns_and_know_how_many_are_before_them():
    async def play(queue: JobQueue) -> None:
        slow = await queue.submit("ada", a_request("slow"))
        await until(slow, lambda job: job.state == RUNNING)
        second, third = [await queue.submit(visitor, a_request()) for visitor in ("bob", "cem")]
        assert [queue.position(each) for each in (slow, second, third)] == [0, 0, 1]
        queue.cancel(slow)
        assert [await end_of(each) for each in (slow, second, third)] == [CANCELLED, DONE, DONE]

    with_queue(play)


def test_two_processes_work_at_the_same_time():
    async def play(queue: JobQueue) -> None:
        slow = await queue.submit("ada", a_request("slow"))
        assert await end_of(await queue.submit("ada", a_request())) == DONE
        assert slow.state == RUNNING

    with_queue(play, Settings(workers=2))


def test_an_equal_request_of_the_same_visitor_is_the_same_job():
    async def play(queue: JobQueue) -> None:
        job = await queue.submit("ada", a_request())
        assert await queue.submit("ada", a_request()) is job
        assert await queue.submit("bob", a_request()) is not job
        await end_of(job)
        assert await queue.submit("ada", a_request()) is job
        assert await queue.submit("ada", a_request(seed=1)) is not job

    with_queue(play)


def test_a_failed_request_can_be_repeated_and_its_reason_is_logged(caplog: pytest.LogCaptureFixture):
    async def play(queue: JobQueue) -> None:
        failed = await queue.submit("ada", a_request("fail"))
        assert (await end_of(failed), failed.problem) == (FAILED, "the base cannot be loaded.")
        assert await queue.submit("ada", a_request("fail")) is not failed
        assert "no file X" in caplog.text

    with_queue(play)


def test_a_full_queue_refuses():
    async def play(queue: JobQueue) -> None:
        slow = await queue.submit("ada", a_request("slow"))
        await until(slow, lambda job: job.state == RUNNING)
        await queue.submit("bob", a_request())
        with pytest.raises(RateLimited, match="1 prompts are waiting"):
            await queue.submit("cem", a_request())

    with_queue(play, Settings(queue=1))


def test_a_visitor_has_few_unfinished_jobs_and_images_in_a_while():
    async def play(queue: JobQueue) -> None:
        first = await queue.submit("ada", a_request("slow"))
        await queue.submit("ada", a_request())
        with pytest.raises(RateLimited, match="2 of your prompts are unfinished"):
            await queue.submit("ada", a_request(seed=1))
        queue.cancel(first)
        with pytest.raises(RateLimited, match="limit of 5 images in 5 minutes") as caught:
            await queue.submit("ada", a_request(seed=1))
        assert 0 < caught.value.wait_s <= 300
        assert await end_of(await queue.submit("bob", a_request(seed=1))) == DONE

    with_queue(play, Settings(per_visitor=2, images=5))


def test_a_waiting_job_can_be_cancelled():
    async def play(queue: JobQueue) -> None:
        slow = await queue.submit("ada", a_request("slow"))
        waiting, last = [await queue.submit("bob", a_request(seed=seed)) for seed in (1, 2)]
        await until(slow, lambda job: job.state == RUNNING)
        queue.cancel(waiting)
        assert (waiting.state, queue.position(last)) == (CANCELLED, 0)
        queue.cancel(slow)
        assert await end_of(last) == DONE
        assert not any(each.is_done for each in waiting.columns)

    with_queue(play)


def test_a_process_that_does_not_stop_when_cancelled_is_replaced(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(job_queue, "GRACE_S", 0.1)

    async def play(queue: JobQueue) -> None:
        deaf = await queue.submit("ada", a_request("hang"))
        await until(deaf, lambda job: job.columns[0].step == 1)
        queue.cancel(deaf)
        assert deaf.state == CANCELLED
        assert await end_of(await queue.submit("ada", a_request())) == DONE

    with_queue(play)


@pytest.mark.parametrize("prompt", ["crash", "garbage"])
def test_a_crash_is_told_and_the_next_job_gets_a_new_process(prompt: str, caplog: pytest.LogCaptureFixture):
    async def play(queue: JobQueue) -> None:
        crashed = await queue.submit("ada", a_request(prompt))
        after = await queue.submit("ada", a_request())
        assert (await end_of(crashed), crashed.problem) == (FAILED, CRASHED)
        assert await end_of(after) == DONE
        assert f"working on {crashed.id}" in caplog.text

    with_queue(play)


def test_a_job_that_takes_too_long_is_ended():
    async def play(queue: JobQueue) -> None:
        endless = await queue.submit("ada", a_request("hang"))
        assert await end_of(endless) == FAILED
        assert "took longer than 1 s" in endless.problem
        assert await end_of(await queue.submit("ada", a_request())) == DONE

    with_queue(play, Settings(seconds=1))


def test_without_the_libraries_every_job_is_told_how_to_install_them():
    async def play(queue: JobQueue) -> None:
        first, second = [await queue.submit("ada", a_request(seed=seed)) for seed in (1, 2)]
        assert [await end_of(first), await end_of(second)] == [FAILED, FAILED]
        assert "pip install 'linguahub[load]'" in first.problem == second.problem
        with pytest.raises(NotServed, match="pip install"):
            await queue.submit("ada", a_request())

    with_queue(play, command=(*COMMAND, "refuse"))


def test_a_program_that_does_not_exist_fails_the_job_and_not_the_queue():
    async def play(queue: JobQueue) -> None:
        job = await queue.submit("ada", a_request())
        assert (await end_of(job), job.problem) == (FAILED, CRASHED)

    with_queue(play, command=("/nonexistent/program",))


def test_an_idle_process_ends_and_the_next_job_starts_another():
    async def play(queue: JobQueue) -> None:
        assert await end_of(await queue.submit("ada", a_request())) == DONE
        assert queue.status()["device"] == "imitated"
        idle = queue._workers[0]._process
        assert idle is not None
        async with asyncio.timeout(60):
            while idle.is_running:  # noqa: ASYNC110 - only the system knows when a process ends
                await asyncio.sleep(0.01)
        assert await end_of(await queue.submit("ada", a_request(seed=1))) == DONE

    with_queue(play, Settings(idle=1))


def test_preparing_starts_a_process_once():
    async def play(queue: JobQueue) -> None:
        await queue.prepare(BASE)
        process = queue._workers[0]._process
        await queue.prepare(BASE)
        assert process is not None and queue._workers[0]._process is process
        assert await end_of(await queue.submit("ada", a_request())) == DONE
        assert queue._workers[0]._process is process

    with_queue(play)


def test_the_end_of_the_queue_ends_its_processes():
    processes = []

    async def play(queue: JobQueue) -> None:
        await until(await queue.submit("ada", a_request("hang")), lambda job: job.columns[0].step == 1)
        processes.append(queue._workers[0]._process)

    with_queue(play)
    assert not processes[0].is_running


def test_finished_jobs_are_dropped_after_a_while_and_when_images_need_memory():
    old, large, running = (Job("ada", a_request(seed=seed)) for seed in range(3))
    jobs = Jobs(keep_s=1000, max_bytes=10)
    for job in (old, large):
        job.finish(DONE)
        job.columns[0].png = b"12345"
        jobs.add(job)
    assert jobs.find(old.id) is old
    old.finished_at -= 2000
    assert (jobs.find(old.id), jobs.find(large.id)) == (None, large)
    running.columns[0].png = b"123456"
    jobs.add(running)
    assert (jobs.find(large.id), jobs.find(running.id)) == (None, running)
