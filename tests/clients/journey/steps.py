"""Define steps: named functions that return when the client got the expected result, and raise otherwise."""

from __future__ import annotations

import inspect
import io
import json
import os
import runpy
import sys
import time
import traceback
import urllib.request
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

from huggingface_hub import HfApi, __version__, constants
from huggingface_hub.utils import disable_progress_bars, logging
from journey.contents import CARD, SHARED

VERSION = tuple(map(int, __version__.split(".")[:2]))
STEPS: list[Step] = []


class Absent(Exception):
    """This version of the client lacks the feature."""


@dataclass(frozen=True)
class Step:
    group: str
    name: str
    walk: Callable[[Run], None]
    sends: bool
    """Whether large files are uploaded differently without Xet."""


class Run:
    """One client's run: its account, a guest's account, and a folder."""

    def __init__(self, folder: Path, guest_token: str) -> None:
        self.folder = folder
        self.endpoint = os.environ["HF_ENDPOINT"]
        self.token = os.environ["HF_TOKEN"]
        self.guest_token = guest_token
        self.api = HfApi()
        self.guest = HfApi(token=guest_token)
        self.anonymous = HfApi(token=False)

    @cached_property
    def me(self) -> str:
        return str(self.api.whoami()["name"])

    @cached_property
    def guest_name(self) -> str:
        return str(self.guest.whoami()["name"])

    @property
    def sends_xet(self) -> bool:
        """Whether files on disk are uploaded by Xet, as the client itself decides since 1.20."""
        return VERSION >= (1, 20) and find_spec("hf_xet") is not None and not constants.HF_HUB_DISABLE_XET

    @cached_property
    def shared(self) -> str:
        """A model with the files SHARED for all steps that only read. Each that has one of its own costs six requests more."""
        return self.repo("shared", SHARED)

    @cached_property
    def dictionary(self) -> str:
        """A data set with a card, for all steps that only read."""
        return self.repo("dictionary", {"README.md": CARD}, repo_type="dataset")

    def repo(self, name: str, files: dict[str, bytes] | None = None, **options: Any) -> str:
        """Create a repository with some files in one commit and return its name."""
        from huggingface_hub import CommitOperationAdd

        repo = str(self.api.create_repo(f"{self.me}/{name}", **options).repo_id)
        if files:
            changes = [CommitOperationAdd(path, content) for path, content in files.items()]
            self.api.create_commit(repo, changes, commit_message="Begin", repo_type=options.get("repo_type"))
        return repo

    def files(self, repo: str, **options: Any) -> set[str]:
        """Return the files of a repository, without the one that every new repository has."""
        return set(self.api.list_repo_files(repo, **options)) - {".gitattributes"}

    def folder_with(self, name: str, files: dict[str, bytes]) -> Path:
        folder = self.folder / name
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        return folder

    def fetch(self, repo: str, path: str, **options: Any) -> bytes:
        options.setdefault("cache_dir", self.folder / "cache")
        return Path(self.api.hf_hub_download(repo, path, **options)).read_bytes()

    def ask(self, method: str, path: str, token: str) -> Any:
        """Send a request that browsers make and the client has no method for, such as a like or an access request."""
        request = urllib.request.Request(
            self.endpoint + path, method=method, headers={"Authorization": f"Bearer {token}"}, data=b""
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def hf(self, *arguments: str | Path) -> str:
        """Return the output of this environment's `hf` command. It runs in this process: to start another one takes 0.3 s."""
        script = Path(sys.executable).with_name("hf")
        before, printed, code = sys.argv, io.StringIO(), None
        sys.argv = [str(script), *map(str, arguments)]
        try:
            with redirect_stdout(printed), redirect_stderr(printed):
                runpy.run_path(str(script), run_name="__main__")
        except SystemExit as end:
            code = end.code
        finally:
            sys.argv = before
            disable_progress_bars()
            logging.set_verbosity_error()
        assert code in {0, None}, f"`hf {' '.join(map(str, arguments))}`: {printed.getvalue()[-2000:]}"
        return printed.getvalue()


def step(name: str, *, sends: bool = False) -> Callable[[Callable[[Run], None]], Callable[[Run], None]]:
    """Register a function as a step of the group named after its file."""

    def register(walk: Callable[[Run], None]) -> Callable[[Run], None]:
        STEPS.append(Step(walk.__module__.rpartition(".")[2], name, walk, sends))
        return walk

    return register


def take(taken: Step, run: Run) -> str:
    """Return the outcome of a step as a line of JSON."""
    outcome, reason = "yes", ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            taken.walk(run)
    except Absent as absent:
        outcome, reason = "absent", str(absent)
    except Exception:  # noqa: BLE001 - any error is a failure of this step
        outcome, reason = "failed", traceback.format_exc()
    told = {"group": taken.group, "name": taken.name, "sends": taken.sends, "outcome": outcome, "reason": reason}
    return json.dumps(told)


def without_pauses() -> Any:
    """Return a context in which the client pauses for a moment instead of seconds: before it retries, or looks again."""
    pause = time.sleep
    return patch("time.sleep", lambda seconds: pause(min(seconds, 0.02)))


def need(where: object, *names: str) -> None:
    """Raise `Absent` unless this version has all of `names`."""
    for name in names:
        if not hasattr(where, name):
            raise Absent(f"no `{name}`")


def need_option(function: Callable[..., Any], option: str) -> None:
    """Raise `Absent` unless the function accepts `option` in this version."""
    if option not in inspect.signature(function).parameters:
        raise Absent(f"`{function.__name__}` has no `{option}`")


def bypasses_endpoint(function: Callable[..., Any]) -> bool:
    """Return whether a call of this version goes to huggingface.co regardless of HF_ENDPOINT."""
    return "https://huggingface.co/api" in inspect.getsource(function)


def error_of(call: Callable[[], Any]) -> Exception:
    """Return the error that a call raises; an iterator is read to its end."""
    try:
        answer = call()
        if hasattr(answer, "__next__"):
            list(answer)
    except Exception as error:  # noqa: BLE001 - versions raise different ones
        return error
    raise AssertionError(f"expected an error, got {answer!r}")


def status_of(call: Callable[[], Any]) -> int:
    """Return the HTTP status of the error that a call must raise."""
    error: Any = error_of(call)
    if getattr(error, "response", None) is None:
        raise error
    return int(error.response.status_code)
