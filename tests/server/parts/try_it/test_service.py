"""The queue behind its socket: every process of a server sees the same jobs."""

from __future__ import annotations

import asyncio
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hub.errors import NotServed, RateLimited
from hub.generation.requests import GenerationRequest, Pinned
from server.parts.try_it.service import Client, running_service
from server.parts.try_it.settings import Settings
from tests.builders.server.imitated_worker import COMMAND, PNG

REQUEST = GenerationRequest(
    prompt="ọkàn", language="yo", base=Pinned(name="linguahub/emoji-sd", revision="1"), columns=(None,), seed=3
)
ASK = """
import asyncio, sys
from server.parts.try_it.service import Client
job = asyncio.run(Client(sys.argv[1]).ask("get", job=sys.argv[2], after=0, wait_s=0))
print(job["state"], job["request"]["seed"])
"""


def ask(path: str, do: str, **values: Any) -> Any:
    return asyncio.run(Client(path).ask(do, **values))


def finished(path: str, job: dict[str, Any]) -> dict[str, Any]:
    while job["state"] in {"waiting", "running"}:
        job = ask(path, "get", job=job["id"], after=job["version"], wait_s=10)
    return job


def test_another_process_sees_the_same_job(socket: str):
    job = finished(socket, ask(socket, "submit", visitor="ada", request=REQUEST.to_json()))
    done = subprocess.run(
        [sys.executable, "-c", ASK, socket, job["id"]], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["done", "3"]
    assert ask(socket, "image", job=job["id"], column=0) == PNG
    assert ask(socket, "image", job=job["id"], column=1) is None
    assert GenerationRequest.from_json(job["request"]) == REQUEST


def test_waiting_for_a_change_ends_when_there_is_one_and_not_later_than_asked(socket: str):
    job = ask(
        socket, "submit", visitor="ada", request=GenerationRequest(**{**vars_of(REQUEST), "prompt": "slow"}).to_json()
    )
    while job["state"] == "waiting" or not job["columns"][0]["step"]:
        job = ask(socket, "get", job=job["id"], after=job["version"], wait_s=10)
    assert ask(socket, "get", job=job["id"], after=job["version"], wait_s=0.05)["version"] == job["version"]
    assert ask(socket, "cancel", job=job["id"])["state"] == "cancelled"


def vars_of(request: GenerationRequest) -> dict[str, Any]:
    return {name: getattr(request, name) for name in request.__dataclass_fields__}


def test_unknown_jobs_have_no_answer(socket: str):
    assert ask(socket, "get", job="nope", after=0, wait_s=0) is None
    assert ask(socket, "cancel", job="nope") is None
    assert ask(socket, "image", job="nope", column=0) is None


def test_limits_arrive_as_the_same_errors():
    with running_service(Settings(images=1), COMMAND) as path:
        ask(str(path), "submit", visitor="ada", request=REQUEST.to_json())
        with pytest.raises(RateLimited, match="limit of 1 images") as caught:
            ask(str(path), "submit", visitor="ada", request={**REQUEST.to_json(), "seed": 4})
        assert caught.value.wait_s > 0


def test_an_invalid_request_does_not_end_the_service(socket: str, caplog: pytest.LogCaptureFixture):
    with pytest.raises(NotServed, match="invalid request"):
        ask(socket, "dance")
    caplog.clear()
    assert ask(socket, "status")["waiting"] == 0


def test_only_this_user_can_open_the_socket_which_disappears_at_the_end():
    with running_service(Settings(), COMMAND) as path:
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not path.parent.exists()
    with pytest.raises(NotServed, match="does not respond"):
        ask(str(path), "status")


def test_without_a_service_the_error_names_the_command():
    with pytest.raises(NotServed, match="hub serve"):
        ask("", "status")


def test_a_long_temporary_folder_does_not_break_the_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / ("long" * 20)
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    with running_service(Settings(), COMMAND) as path:
        assert ask(str(path), "status")["running"] == 0
