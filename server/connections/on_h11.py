"""Limit the time of headers of connections that h11 parses.

h11 limits the size of incomplete headers itself (`server.cli.server_config`): those that arrive in one piece may have up to 256 KB.
"""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from server.connections.header_clock import HeaderClock


class H11Connection(H11Protocol):
    """A connection of uvicorn with a clock."""

    clock: HeaderClock

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # As in uvicorn.
        """Start the clock."""
        super().connection_made(transport)
        self.clock = HeaderClock(
            self.loop, transport, lambda: self.cycle is not None and not self.cycle.response_complete
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self.clock.set(runs=False)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse a piece of the connection. The clock runs while a request has begun and its headers are incomplete."""
        super().data_received(data)
        is_waiting = self.conn.their_state is h11.IDLE and bool(self.conn.trailing_data[0])
        self.clock.set(runs=is_waiting and not self.transport.is_closing())
