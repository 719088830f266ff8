"""Evaluate pushed artifacts, each in a child process with limits. The jobs are in the outbox, so several workers share them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from hub.errors import Conflict, HubError, UnknownArtifact
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.reproduce import record_reproduced
from hub.records import Provenance, Score
from hub.registry.accounts.permissions import Actor
from hub.registry.outbox.queue import Job, request_once
from hub.registry.outbox.worker import PermanentFailure, Task, run_due
from hub.registry.scores.evaluations import unreproduced
from trainers.rescoring.measure import Request
from trainers.rescoring.trials import is_curated, known_benchmarks, trials_of

EVALUATE = "evaluate"
"""Name of the task. The subject of a job is the revision, and its detail names the artifact."""
ACTOR = Actor("hub worker evaluate")
_POLL_S = 0.2
_GRACE_S = 60.0
"""Seconds of a lease beyond the time limit, for starting, stopping and recording."""
_LAST_LINES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of one evaluation."""

    timeout_s: float
    memory_bytes: int
    prompts: int
    trials: int
    device: str = "cpu"


def evaluate_pushed(hub: LocalHub, limits: Limits, stopped: threading.Event, pause_s: float, *, once: bool) -> int:
    """Evaluate artifacts with self-reported scores until `stopped`, or with `once`, those that wait now. Return the number of runs."""
    task, runs = evaluation_task(hub, limits, stopped), 0
    while not stopped.is_set():
        for name, revision in unreproduced(hub.registry.database, known_benchmarks()):
            request_once(hub.registry.database, EVALUATE, revision, {"artifact": str(name)})
        runs += run_due(hub.registry.database, [task], should_stop=stopped.is_set)
        if once or stopped.wait(pause_s):
            break
    return runs


def evaluation_task(hub: LocalHub, limits: Limits, stopped: threading.Event) -> Task:
    """Return the task that evaluates a revision and records its scores as reproduced. It is idempotent."""

    def run(job: Job) -> None:
        name = ArtifactName.parse(job.detail["artifact"], hub.home.owner)
        try:
            artifact = hub.registry.get(name)
        except UnknownArtifact:
            return
        if artifact.revision != job.subject:
            return  # A newer revision has its own job.
        if not any(map(is_curated, trials_of(artifact, hub))):
            raise PermanentFailure(f"no score of `{name}` is on a curated base: repeat one with `hub rescore {name}`.")
        request = Request(
            artifact=str(name), revision=job.subject, memory_bytes=limits.memory_bytes, prompts=limits.prompts,
            trials=limits.trials, device=limits.device,
        )  # fmt: skip
        scores, problem = _measure_apart(request, limits.timeout_s, stopped)
        if scores:
            try:
                record_reproduced(name, job.subject, scores, hub.registry, hub.store, ACTOR)
            except Conflict:
                return
        elif problem:
            raise HubError(problem)
        else:
            raise PermanentFailure(f"this hub has no benchmark with the digest in the card of `{name}`.")

    return Task(EVALUATE, run, lease_s=limits.timeout_s + _GRACE_S, coalesces=True, max_attempts=2)


def _measure_apart(request: Request, timeout_s: float, stopped: threading.Event) -> tuple[list[Score], str]:
    """Measure in a child process. Return the scores that it finished, and why it did not finish; empty if it did."""
    secrets = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
    environment = {name: value for name, value in os.environ.items() if name not in secrets}
    environment |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    with tempfile.TemporaryDirectory() as folder:
        asked, answers, errors = (Path(folder) / name for name in ("request.json", "answers", "errors"))
        asked.write_text(json.dumps(asdict(request)), encoding="utf-8")
        command = [sys.executable, "-m", "trainers.rescoring.measure", str(asked), str(answers)]
        with errors.open("wb") as written:
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=written, env=environment,
                start_new_session=True,
            )  # fmt: skip
            try:
                problem = _wait(child, timeout_s, stopped)
            finally:
                if child.poll() is None:
                    os.killpg(child.pid, signal.SIGKILL)  # Its session has all processes that it started.
                    child.wait()
        lines = answers.read_text(encoding="utf-8").splitlines(keepends=True) if answers.is_file() else []
        scores = [_score(line) for line in lines if line.endswith("\n")]
        last = errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-_LAST_LINES:]
    if problem == "failed":
        problem = f"the evaluation failed with status {child.returncode}: {' '.join(last) or 'no message'}"
    return scores, problem


def _wait(child: subprocess.Popen[bytes], timeout_s: float, stopped: threading.Event) -> str:
    end = time.monotonic() + timeout_s
    while child.poll() is None:
        if time.monotonic() > end:
            return f"the evaluation took longer than {timeout_s:g} s."
        if stopped.wait(_POLL_S):
            return "the worker was stopped."
    return "failed" if child.returncode else ""


def _score(line: str) -> Score:
    return Score(**{**json.loads(line), "provenance": Provenance.SELF_REPORTED})
