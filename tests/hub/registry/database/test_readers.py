"""Threads that read from PostgreSQL share a few connections."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from hub.errors import Unreachable
from hub.registry.database.postgres import PostgresDatabase
from hub.registry.database.readers import MAX_READERS, Readers
from tests.builders import postgres

THREADS = 40


@pytest.fixture
def database(cluster: str) -> Iterator[PostgresDatabase]:
    url = postgres.a_database(cluster)
    opened = PostgresDatabase(url)
    yield opened
    opened.close()
    postgres.drop(cluster, url)


def count_connections(database: PostgresDatabase) -> int:
    [found] = database.rows("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
    return int(found[0])


def test_many_threads_read_on_few_connections(database: PostgresDatabase) -> None:
    with ThreadPoolExecutor(THREADS) as threads:
        found = list(threads.map(lambda number: database.rows("SELECT :n, pg_sleep(.02)", {"n": number}), range(120)))
    assert [int(rows[0][0]) for rows in found] == list(range(120))
    assert 1 <= count_connections(database) <= MAX_READERS


def test_threads_that_read_in_turn_share_one_connection(database: PostgresDatabase) -> None:
    for _ in range(5):
        thread = threading.Thread(target=database.rows, args=["SELECT 1"])
        thread.start()
        thread.join(20)
    assert count_connections(database) == 1


def test_a_snapshot_is_one_transaction_and_its_connection_is_used_again(database: PostgresDatabase) -> None:
    def started() -> object:
        return database.rows("SELECT now(), pg_backend_pid()")[0][0]

    with database.snapshot():
        inside = {started(), started()}
        with ThreadPoolExecutor(1) as threads:
            elsewhere = threads.submit(started).result()
    assert len(inside) == 1
    assert elsewhere not in inside
    assert started() not in inside
    assert count_connections(database) == 2


def test_a_connection_with_an_open_transaction_is_not_used_again(database: PostgresDatabase) -> None:
    with database._readers.reader() as broken:
        broken.execute("BEGIN")
    assert broken.closed
    assert database.rows("SELECT 1")[0][0] == 1


def test_a_thread_is_refused_in_one_line_if_all_connections_stay_in_use(cluster: str) -> None:
    import psycopg

    url = postgres.a_database(cluster)
    readers = Readers("the registry", lambda: psycopg.connect(url, autocommit=True), timeout_s=0.05)
    release = threading.Event()

    def hold(taken: threading.Barrier) -> None:
        with readers.reader():
            taken.wait(20)
            release.wait(20)

    with ExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(MAX_READERS))
        stack.callback(release.set)
        taken = threading.Barrier(MAX_READERS + 1)
        for _ in range(MAX_READERS):
            threads.submit(hold, taken)
        taken.wait(20)
        busy = "the registry is busy: 15 queries have been running for 0 s. Try again."
        with pytest.raises(Unreachable, match=busy), readers.reader():
            pass
    with readers.reader() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    readers.close()
    postgres.drop(cluster, url)
