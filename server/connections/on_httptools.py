"""Limit the headers of connections that httptools parses, which has no limits itself, and let threads transfer long bodies."""

from __future__ import annotations

from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from server.connections import direct_body, direct_sender
from server.connections.direct_body import DirectBody, may_take
from server.connections.direct_sender import DirectSender, Find
from server.connections.header_clock import MAX_HEADER_BYTES, TimedConnection, refuse_size

_BLANK = bytes(1 << 20)


class HttptoolsConnection(TimedConnection, HttpToolsProtocol):
    """Counts the bytes of each header, and those that arrive while the headers are incomplete: one header can be endless."""

    _awaits_headers, _has_begun, _is_too_large = True, False, False
    _received = _counted = 0
    _number = 0
    """Number of the last request whose parsing began; the one before may still be running."""
    _body_bytes = 0
    """Bytes of the body that were parsed."""
    _is_passing = False
    """Whether the parser passes over a body that a thread has received."""

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
        self._has_begun, self._counted, self._body_bytes = True, 0, 0
        self._number += 1
        extensions: dict[str, Any] = {
            direct_body.EXTENSION: partial(self._take_body, self._number),
            direct_sender.EXTENSION: partial(self._send_directly, self._number),
        }
        self.scope["extensions"] = extensions

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

    def on_body(self, body: bytes) -> None:
        """Pass on a piece of the body, unless a thread has received it."""
        self._body_bytes += len(body)
        if not self._is_passing:
            super().on_body(body)

    def _take_body(self, number: int) -> DirectBody | None:
        """Let the caller receive the body of a request; None if it must be received as usual."""
        cycle = self.cycle
        sizes = [int(value) for name, value in self.headers if name == b"content-length"]
        is_next = number == self._number and cycle.more_body and not cycle.waiting_for_100_continue
        if not is_next or not sizes or len(cycle.body) != self._body_bytes:  # The last: a part was received as usual.
            return None
        left = sizes[0] - self._body_bytes
        if not may_take(left, self.transport):
            return None
        self.flow.read_paused = False  # Else it resumes reading as soon as anything waits for the end of the request.
        taken = DirectBody(bytes(cycle.body), left, self.transport, self._pass_over)
        cycle.body = bytearray()
        return taken

    async def _send_directly(self, number: int, find: Find, start: int, end: int) -> int | None:
        """Send bytes of files after the headers of a response. Return how many; None if they must be sent as usual."""
        cycle = self.cycle
        is_next = number == self._number and cycle.response_started and not cycle.response_complete
        if not is_next or cycle.chunked_encoding or cycle.disconnected or self.transport.get_write_buffer_size():
            return None
        if not may_take(end - start, self.transport):
            return None
        try:
            sent = await DirectSender(self.transport).send(find, start, end)
        except ConnectionError:
            cycle.disconnected = True
            self.transport.abort()
            return end - start
        cycle.expected_content_length -= sent
        return sent

    def _pass_over(self, size: int) -> None:
        """Let the parser pass over what a thread has received, with other bytes, and read in the event loop again."""
        self._is_passing = True
        while size and not self.transport.is_closing():
            self.parser.feed_data(_BLANK[:size])
            size -= min(size, len(_BLANK))
        self._is_passing = False
        if not self.transport.is_closing():
            self.transport.resume_reading()

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
