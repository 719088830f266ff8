"""Connections to PostgreSQL for reading, which the threads of a process share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, local
from typing import TYPE_CHECKING, Any

from hub.errors import Unreachable

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]

MAX_READERS = 15
"""Maximum number of connections of a process. SQLAlchemy keeps as many for writing."""


class Readers:
    """A pool of connections. A thread has one for a query or a snapshot, so that there are as many as queries run at once."""

    def __init__(self, address: str, connect: Callable[[], Connection], timeout_s: float) -> None:
        """`address` is the database's name in messages; `timeout_s` is how long a thread waits while all connections are in use."""
        self._address = address
        self._connect = connect
        self._timeout_s = timeout_s
        self._idle: list[Connection] = []
        self._free = BoundedSemaphore(MAX_READERS)
        self._local = local()

    @contextmanager
    def reader(self) -> Iterator[Connection]:
        """Yield the connection that this thread has, or an idle or new one. Raises Unreachable if all stay in use."""
        if (held := getattr(self._local, "connection", None)) is not None:
            yield held
            return
        if not self._free.acquire(timeout=self._timeout_s):
            raise Unreachable(
                f"{self._address} is busy: {MAX_READERS} queries have been running for {self._timeout_s:.0f} s. Try again."
            )
        try:
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._connect()
            self._local.connection = connection
            try:
                yield connection
            finally:
                self._put_back(self._local.__dict__.pop("connection"))
        finally:
            self._free.release()

    def replace(self) -> Connection:
        """Return a new connection instead of this thread's broken one. Other idle ones are probably broken, too."""
        self.close()
        self._local.connection = connection = self._connect()
        return connection

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()

    def _put_back(self, connection: Connection) -> None:
        from psycopg.pq import TransactionStatus

        if connection.info.transaction_status == TransactionStatus.IDLE:
            self._idle.append(connection)
        else:
            connection.close()
