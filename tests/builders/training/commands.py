"""Run `hub train` on the tiny models as a function."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hub.cli.commands import as_command

TINY = ("--base", "tiny-sd", "--encoder", "tiny-xlmr", "--corpus", "toy", "--steps", "8", "--device", "cpu")


def run(command: Any, *arguments: str) -> None:
    as_command(command.__name__, command).main(args=list(arguments), standalone_mode=False)


def json_of(capsys: pytest.CaptureFixture[str], command: Any, *arguments: str) -> Any:
    capsys.readouterr()
    run(command, *arguments, "--json")
    return json.loads(capsys.readouterr().out)


DUAL = ("--base", "emoji-judge", "--encoder", "tiny-xlmr", "--corpus", "toy", "--device", "cpu")
