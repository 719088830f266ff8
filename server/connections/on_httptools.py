"""Limit the headers of connections that httptools parses. httptools itself has no limits."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from server.connections.header_clock import MAX_HEADER_BYTES, TimedConnection, refuse_size


class HttptoolsConnection(TimedConnection, HttpToolsProtocol):
    """Counts the bytes of each header, and those that arrive while the headers are incomplete: one header can be endless."""

    _awaits_headers, _has_begun, _is_too_large = True, False, False
    _received = _counted = 0

    def data_received(self, data: bytes) -> None:
        """Parse a piece of the connection. The clock runs exactly while a request has begun and its headers are incomplete."""
        self._received += len(data)
        super().data_received(data)
        is_waiting = self._awaits_headers and (self._has_begun or self._received > 0)
        if is_waiting and self._received > MAX_HEADER_BYTES and not self.transport.is_closing():
            refuse_size(self.transport)
        self.clock.set(runs=is_waiting and not self.transport.is_closing())

    def on_message_begin(self) -> None:
        """Begin to count."""
        super().on_message_begin()
        self._has_begun, self._counted = True, 0

    def on_url(self, url: bytes) -> None:
        """Count the request line."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header, which ends with a line."""
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Pass on the request."""
        self._awaits_headers = self._has_begun = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Wait for the next request."""
        self._awaits_headers, self._received = True, 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse a request that could not be parsed, or was too large."""
        if self._is_too_large:
            refuse_size(self.transport)
        else:
            super().send_400_response(msg)

    def _count(self, size: int) -> None:
        self._counted += size
        if self._counted > MAX_HEADER_BYTES:
            self._is_too_large = True
            raise ValueError("the headers are too large")  # httptools stops, and uvicorn calls `send_400_response`.
