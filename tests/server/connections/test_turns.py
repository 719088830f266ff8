"""Requests run Python in threads one after the other, and a slow one does not hold up the others."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from hub.local import LocalHub
from hub.records import Page, Query
from hub.registry import Registry
from server.connections import turns
from server.connections.turns import Turns
from tests.builders.serving import serving


def run(*, are_limited: bool, slow: bool = False) -> list[str]:
    """Return the results of two tasks; the first one waits until the second one has begun if it is slow, else for other tasks to run."""
    said: list[str] = []

    async def first(taken: Turns, second_began: asyncio.Future[None]) -> None:
        async with taken.take():
            said.append("first begins")
            for _ in range(5):
                await asyncio.sleep(0)
            await asyncio.wait_for(second_began if slow else asyncio.sleep(0), 20)
            said.append("first ends")

    async def second(taken: Turns, began: asyncio.Future[None]) -> None:
        async with taken.take():
            began.set_result(None)
            said.append("second begins")

    async def both() -> None:
        taken, began = Turns(are_limited=are_limited), asyncio.get_running_loop().create_future()
        await asyncio.gather(first(taken, began), second(taken, began))

    asyncio.run(both())
    return said


def test_a_turn_begins_when_the_one_before_has_ended() -> None:
    assert run(are_limited=True) == ["first begins", "first ends", "second begins"]


def test_a_slow_request_gives_up_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PATIENCE_S", 0.01)
    assert run(are_limited=True, slow=True) == ["first begins", "second begins", "first ends"]


def test_requests_that_wait_for_a_network_run_at_once() -> None:
    assert run(are_limited=False) == ["first begins", "second begins", "first ends"]


def test_a_request_that_fails_ends_its_turn() -> None:
    async def fail_and_go_on() -> str:
        taken = Turns(are_limited=True)
        with pytest.raises(ValueError, match="failed"):
            async with taken.take():
                raise ValueError("failed")
        async with asyncio.timeout(5), taken.take():
            return "taken"

    assert asyncio.run(fail_and_go_on()) == "taken"


def test_searches_run_one_at_a_time_unless_one_is_slow(hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    find, lock, at_once = Registry.find, threading.Lock(), [0, 0]
    began, goes_on = threading.Event(), threading.Event()

    def count(registry: Registry, query: Query) -> Page:
        if query.text == "slow":
            began.set()
            assert goes_on.wait(20)
            return find(registry, query)
        with lock:
            at_once[0] += 1
            at_once[1] = max(at_once)
        try:
            return find(registry, query)
        finally:
            with lock:
                at_once[0] -= 1

    monkeypatch.setattr(Registry, "find", count)
    with serving(hub) as address, ThreadPoolExecutor(9) as pool:
        slow = pool.submit(httpx.get, f"{address}/api/v1/search?text=slow", timeout=20)
        assert began.wait(20)
        answers = list(pool.map(httpx.get, [f"{address}/api/v1/search"] * 24))
        assert [each.status_code for each in answers] == [200] * 24
        assert not slow.done(), "the others did not wait for it"
        goes_on.set()
        assert slow.result(20).status_code == 200
    assert at_once[1] == 1
