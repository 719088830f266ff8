"""A generation process: start it, send it jobs, read its events, and end it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Any

COMMAND = (sys.executable, "-m", "hub.generation")
MAX_EVENT_BYTES = 64 << 20
"""Maximum length of an event: an image in base64."""
_TAIL = 30
"""Lines of standard error that the log shows after a crash."""


class ProcessEnded(Exception):
    """The process ended, or wrote something that is not an event."""


class GenerationProcess:
    """One running process. It is used for one job at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._errors: deque[str] = deque(maxlen=_TAIL)
        self._reader = asyncio.create_task(self._read_errors())
        self.device = ""
        """Name of the device; empty until the process is ready."""

    @classmethod
    async def start(cls, command: Sequence[str] = COMMAND) -> GenerationProcess:
        """Start a process. It has its own session, so it does not receive the terminal's Ctrl-C; it ends with its standard input."""
        pipe = asyncio.subprocess.PIPE
        return cls(
            await asyncio.create_subprocess_exec(
                *command, stdin=pipe, stdout=pipe, stderr=pipe, limit=MAX_EVENT_BYTES, start_new_session=True
            )
        )

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.returncode is None

    @property
    def last_errors(self) -> str:
        """The last lines of its standard error."""
        return "\n".join(self._errors)

    def send(self, message: dict[str, Any]) -> None:
        """Send a message. If the process has ended, the reader of its events notices."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """Yield events. Raises ProcessEnded."""
        assert self._process.stdout is not None
        while True:
            try:
                line = await self._process.stdout.readline()
                event = json.loads(line) if line else None
            except ValueError as error:
                raise ProcessEnded from error
            if event is None:
                raise ProcessEnded
            if event["event"] == "ready":
                self.device = event["device"]
            yield event

    async def kill(self) -> None:
        """End the process at once and wait for its end."""
        if self.is_running:
            self._process.kill()
        await self._process.wait()
        await self._reader

    async def _read_errors(self) -> None:
        assert self._process.stderr is not None
        while chunk := await self._process.stderr.read(1 << 16):  # Not by lines: they may be longer than any limit.
            self._errors.extend(chunk.decode("utf-8", "replace").splitlines())
