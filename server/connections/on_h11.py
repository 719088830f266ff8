"""Limit the time of headers of connections that h11 parses.

h11 limits the size of incomplete headers itself (`server.cli.server_config`): those that arrive in one piece may have up to 256 KB.
"""

from __future__ import annotations

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from server.connections.header_clock import TimedConnection


class H11Connection(TimedConnection, H11Protocol):
    """A connection of uvicorn with a clock."""

    def data_received(self, data: bytes) -> None:
        """Parse a piece of the connection. The clock runs while a request has begun and its headers are incomplete."""
        super().data_received(data)
        is_waiting = self.conn.their_state is h11.IDLE and bool(self.conn.trailing_data[0])
        self.clock.set(runs=is_waiting and not self.transport.is_closing())
