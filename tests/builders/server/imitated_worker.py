"""A generation process that speaks the protocol of `hub.generation` without torch. The prompt selects its behaviour.

`crash` ends it, `hang` makes it deaf, `slow` works until it is cancelled, `fail` reports an error, `refuse` lacks libraries; every other
prompt gets an image after two steps. `python imitated_worker.py refuse` cannot generate at all.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
"""One pixel, in base64."""
COMMAND = (sys.executable, "-I", str(Path(__file__).resolve()))


def main() -> None:
    if "refuse" in sys.argv:
        say("unavailable", message="image generation needs the extra `load`: pip install 'linguahub[load]'.")
        return
    say("ready", device="imitated")
    cancelled: set[str] = set()
    waiting: list[dict] = []
    threading.Thread(target=read, args=(waiting, cancelled), daemon=True).start()
    while True:
        while not waiting:
            time.sleep(0.005)
        message = waiting.pop(0)
        if "job" in message:
            work(message["job"], message["request"], cancelled)


def read(waiting: list[dict], cancelled: set[str]) -> None:
    for line in sys.stdin:
        message = json.loads(line)
        if "cancel" in message:
            cancelled.add(message["cancel"])
        else:
            waiting.append(message)
    os._exit(0)


def work(job: str, request: dict, cancelled: set[str]) -> None:
    prompt = request["prompt"]
    print(f"working on {job}", file=sys.stderr, flush=True)
    for column in range(len(request["columns"])):
        say("step", job=job, column=column, step=1, steps=2)
        if prompt == "crash":
            os._exit(7)
        if prompt == "garbage":
            print("this is not an event", flush=True)
        if prompt == "fail":
            say("failed", job=job, message="the base cannot be loaded.", log="no file X")
            return
        while prompt in {"hang", "slow"}:
            time.sleep(0.005)
            if prompt == "slow" and job in cancelled:
                say("cancelled", job=job)
                return
        say("step", job=job, column=column, step=2, steps=2)
        say("image", job=job, column=column, png=PNG, text=f"column {column}", seconds=0.1)
    say("done", job=job)


def say(event: str, **values: object) -> None:
    print(json.dumps({"event": event, **values}), flush=True)


if __name__ == "__main__":
    main()
