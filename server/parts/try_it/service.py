"""The queue behind a Unix socket, so that all processes of a server share it. `hub serve` runs it in a thread of its first process.

A connection carries one request and one response, each a JSON object. The socket is in a folder that only this user can open.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import tempfile
import threading
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hub.errors import HubError, NotServed, RateLimited
from hub.generation.requests import GenerationRequest, Pinned
from server.parts.try_it.job_queue import JobQueue
from server.parts.try_it.jobs import Job
from server.parts.try_it.process import COMMAND
from server.parts.try_it.settings import Settings

MAX_REQUEST_BYTES = 1 << 20
MAX_WAIT_S = 30.0
_MAX_PATH = 100
"""Maximum length of the path of a Unix socket on all systems."""
_log = logging.getLogger("server.try")


@contextmanager
def running_service(settings: Settings, command: Sequence[str] = COMMAND) -> Iterator[Path]:
    """Run the service in a thread, and yield the path of its socket."""
    short = "/tmp" if len(tempfile.gettempdir()) > _MAX_PATH // 2 else None  # noqa: S108 - mkdtemp makes a private folder
    with tempfile.TemporaryDirectory(prefix="linguahub-", dir=short, ignore_cleanup_errors=True) as folder:
        service = _Service(Path(folder) / "try", settings, command)
        thread = threading.Thread(target=service.run, name="try", daemon=True)
        thread.start()
        service.started.wait()
        try:
            yield service.path
        finally:
            service.stop()
            thread.join(timeout=10)


class _Service:
    def __init__(self, path: Path, settings: Settings, command: Sequence[str]) -> None:
        self.path, self._settings, self._command = path, settings, command
        self.started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    def run(self) -> None:
        try:
            asyncio.run(self._serve())
        except asyncio.CancelledError:
            pass
        except Exception:  # noqa: BLE001 - the server continues without images
            _log.exception("the queue of the page /try has ended")
        finally:
            self.started.set()

    def stop(self) -> None:
        if self._loop is not None and self._task is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._task.cancel)

    async def _serve(self) -> None:
        self._queue = JobQueue(self._settings, self._command)
        server = await asyncio.start_unix_server(self._connected, self.path, limit=MAX_REQUEST_BYTES)
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        self.started.set()
        async with server:
            await self._queue.run()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answer = {"done": await self._handle(json.loads(await reader.readline()))}
        except RateLimited as error:
            answer = {"error": str(error), "wait_s": error.wait_s}
        except HubError as error:
            answer = {"error": str(error)}
        except (ValueError, KeyError, TypeError) as error:
            _log.exception("invalid request to the queue of the page /try")
            answer = {"error": f"invalid request: {error}"}
        try:
            writer.write(json.dumps(answer).encode())
            await writer.drain()
            writer.close()
        except OSError:
            pass  # The request was aborted.

    async def _handle(self, asked: dict[str, Any]) -> Any:
        job: Job | None
        match asked:
            case {"do": "submit", "visitor": visitor, "request": request}:
                job = await self._queue.submit(visitor, GenerationRequest.from_json(request))
            case {"do": "prepare", "base": base}:
                await self._queue.prepare(Pinned(**base))
                return None
            case {"do": "status"}:
                return self._queue.status()
            case {"do": "get", "job": id, "after": after, "wait_s": wait_s}:
                job = self._queue.find(id)
                if job is not None:
                    await job.changed(after, min(float(wait_s), MAX_WAIT_S))
            case {"do": "cancel", "job": id}:
                job = self._queue.find(id)
                if job is not None:
                    self._queue.cancel(job)
            case {"do": "image", "job": id, "column": int(column)}:
                job = self._queue.find(id)
                is_known = job is not None and 0 <= column < len(job.columns)
                png = job.columns[column].png if job is not None and is_known else None
                return b64encode(png).decode() if png else None
            case _:
                raise ValueError("unknown request")
        return None if job is None else job.describe(self._queue.position(job))


class Client:
    """Sends requests to the service, from any process of the server."""

    def __init__(self, path: str) -> None:
        self.path = path
        """Path of the socket; empty if no service runs."""

    async def ask(self, do: str, **values: Any) -> Any:
        """Return the service's response. Raises RateLimited and NotServed, also if the service does not respond."""
        if not self.path:
            raise NotServed("this server does not generate images: start it with `hub serve`, without `--no-try`.")
        try:
            reader, writer = await asyncio.open_unix_connection(self.path)
            try:
                writer.write(json.dumps({"do": do, **values}).encode() + b"\n")
                answer = json.loads(await reader.read())
            finally:
                writer.close()
        except (OSError, ValueError) as error:
            raise NotServed("image generation does not respond: restart `hub serve`.") from error
        if "wait_s" in answer:
            raise RateLimited(answer["error"], answer["wait_s"])
        if "error" in answer:
            raise NotServed(answer["error"])
        return answer["done"]


def configured_client() -> Client:
    """Return a client of the service that `hub serve` has started."""
    return Client(os.environ.get("HUB_TRY_SOCKET", ""))
