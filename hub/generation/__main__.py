"""Generate images for another process: `python -m hub.generation`.

Each line of standard input is a message as JSON: `{"prepare": BASE}` loads a base, `{"job": ID, "request": REQUEST}` generates, and
`{"cancel": ID}` stops a job. Each line of standard output is an event, `{"event": NAME, …}`. The process ends with its standard
input, so that it never outlives the process that started it.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import threading
import traceback
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from queue import SimpleQueue
from typing import Any, TextIO

from hub.errors import HubError, MissingExtra, OutOfMemory
from hub.generation.requests import GenerationRequest, Pinned


class Cancelled(Exception):
    """The job was cancelled."""


class Worker:
    """Runs the messages of standard input one after the other, and writes events."""

    def __init__(self, source: TextIO, target: TextIO, at_end: Callable[[], None]) -> None:
        """`at_end` is called in another thread when `source` has ended."""
        self._source, self._target, self._at_end = source, target, at_end
        self._messages: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        self._cancelled: set[str] = set()

    def run(self) -> None:
        """Run until standard input ends."""
        threading.Thread(target=self._read, daemon=True).start()
        try:
            from hub.generation.pipelines import Pipelines
        except MissingExtra as error:
            self._write("unavailable", message=str(error))
            return
        from hub.local import LocalHub

        _quiet_libraries()
        with LocalHub.open() as hub:
            self._pipelines = Pipelines(hub)
            self._write("ready", device=_device_name())
            while (message := self._messages.get()) is not None:
                if "prepare" in message:
                    self._prepare(Pinned(**message["prepare"]))
                else:
                    self._generate(message["job"], GenerationRequest.from_json(message["request"]))

    def _read(self) -> None:
        """Queue messages; a cancellation takes effect at once."""
        for line in self._source:
            message = json.loads(line)
            if "cancel" in message:
                self._cancelled.add(message["cancel"])
            else:
                self._messages.put(message)
        self._messages.put(None)
        self._at_end()

    def _prepare(self, base: Pinned) -> None:
        """Load a base before the first request. A base that cannot be loaded is reported by the first job that needs it."""
        try:
            self._pipelines.load(base)
        except Exception as error:  # noqa: BLE001 - see above
            print(f"cannot prepare {base}: {error}", file=sys.stderr)

    def _generate(self, job: str, request: GenerationRequest) -> None:
        def on_step(column: int, steps: int, step: int) -> None:
            if job in self._cancelled:
                raise Cancelled
            self._write("step", job=job, column=column, step=step, steps=steps)

        try:
            on_step(0, request.steps or 0, 0)
            for drawn in self._pipelines.generate(request, on_step):
                png = base64.b64encode(drawn.png).decode() if drawn.png else None
                self._write("image", job=job, column=drawn.column, png=png, text=drawn.text, seconds=drawn.seconds)
            self._write("done", job=job)
        except Cancelled:
            self._write("cancelled", job=job)
        except Exception as error:  # noqa: BLE001 - one bad request must not end the process
            message, log = _explain(error)
            self._write("failed", job=job, message=message, log=log)
        finally:
            self._cancelled.discard(job)

    def _write(self, event: str, **values: Any) -> None:
        self._target.write(json.dumps({"event": event, **values}) + "\n")
        self._target.flush()


def _explain(error: Exception) -> tuple[str, str]:
    """Return the message for the visitor and for the log: an error of this installation can name folders of this machine."""
    if isinstance(error, OutOfMemory) or (
        isinstance(error, HubError) and error.status < HTTPStatus.INTERNAL_SERVER_ERROR
    ):
        return str(error), ""
    if type(error).__name__ == "OutOfMemoryError":
        return (
            "the device has too little memory for this base and these modules: choose fewer modules or a smaller base.",
            "",
        )
    log = str(error) if isinstance(error, HubError) else "".join(traceback.format_exception(error))
    return "the image could not be generated because of an error on the server, which is in its log.", log


def _device_name() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"


def _quiet_libraries() -> None:
    import diffusers
    import transformers

    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()


def main() -> None:
    """Serve requests on the original standard output; output of libraries goes to standard error."""
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    source = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - open as long as the process
    Worker(source, events, at_end=partial(os._exit, 0)).run()  # It ends at once, whatever it computes.


if __name__ == "__main__":
    main()
