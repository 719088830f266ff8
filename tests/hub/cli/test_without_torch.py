"""Mistakes that need no tensor library are reported before one is imported, and libraries do not print between the lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from hub.cards import Card, write_card
from hub.conditioning import Conditioning
from hub.records import Upstream
from tests.builders import ROOT
from tests.builders.artifacts import a_card, a_folder
from tests.builders.few_cards import write_cards

MISTAKES = [
    ("generate x --adapter typo", "no artifact is called `typo`"),
    ("generate x --base small-sdd", "no base is called `small-sdd`. Did you mean `small-sd`?"),
    ("generate x --base mulan-yo", "`mulan-yo` is of kind adapter, not a base."),
    ("generate x --base small-sd --adapter pea-upstream", "`pea-upstream` is not on this machine"),
    ("generate x --base far-base", "`far-base` is not on this machine"),
    (
        "generate x --base far-base --adapter trained",
        "`trained` has no variant for `far-base`, only for `small-sd`",
    ),
    ("pull far-base", "`far-base` is not on this machine"),
    ("pull far-encoder", "`far-encoder` is not on this machine"),
    ("evaluate typo", "no artifact is called `typo`"),
    ("evaluate mulan-yo --benchmark emoji-generatoin", "Did you mean `emoji-generation`"),
    ("evaluate mulan-yo --base small-sdd", "no base is called `small-sdd`"),
    ("train mulann --lang yo", "no method is called `mulann`. Did you mean `mulan`"),
    ("train mulan --lang yo --base small-sdd", "no base is called `small-sdd`. Did you mean `small-sd`?"),
    ("train mulan --lang yo --base small-sd --encoder typo", "no artifact is called `typo`"),
    ("train mulan --lang yo --name ../x", "invalid name"),
    ("merge typo other --name merged", "no artifact is called `typo`"),
]
CODE = """
import json, os, sys, tempfile
from hub.cli import main
for command in json.load(sys.stdin):
    with tempfile.TemporaryFile() as written:
        terminal = os.dup(2)
        os.dup2(written.fileno(), 2)
        code = main(command.split())
        sys.stderr.flush()
        os.dup2(terminal, 2)
        written.seek(0)
        heavy = sorted({"torch", "diffusers", "transformers", "accelerate"} & set(sys.modules))
        print(json.dumps([command, code, written.read().decode(), heavy]))
"""
"""Runs commands and prints what each one wrote to the terminal, and the libraries imported since the first one."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str, list[str]]]:
    """Return the exit code, the message and the imported libraries of each command; they share a process, because to start one takes a second."""
    folder = tmp_path_factory.mktemp("mistakes")
    cards = write_cards(folder / "cards")
    upstream = (Upstream(repository="org/far", file="unet/x.safetensors", revision="a" * 40),)
    a_base = Card(
        kind="base", summary="Far away.", license="MIT", languages=("en",), upstream=upstream, conditioning=Conditioning(width=9, length=None)
    )  # fmt: skip
    write_card(a_base, cards / "bases" / "far-base")
    an_encoder = Card(kind="encoder", summary="Far away.", license="MIT", languages=("en",), upstream=upstream)
    write_card(an_encoder, cards / "encoders" / "far-encoder")
    a_folder(cards / "adapters" / "trained", a_card(bases=("small-sd",)), variants=("small-sd",))
    environment = {
        **os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hf"), "PYTHONPATH": str(ROOT), "HUB_HOME": str(folder / "home"),
        "HUB_CARDS": str(cards), "HUB_OWNER": "ade",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        input=json.dumps([command for command, _ in MISTAKES]),
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return {command: (code, err, heavy) for command, code, err, heavy in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize(("command", "message"), MISTAKES)
def test_a_mistake_is_reported_in_one_line_before_torch(
    told: dict[str, tuple[int, str, list[str]]], command: str, message: str
) -> None:
    code, err, heavy = told[command]
    assert code in {1, 2}, err
    assert heavy == []
    assert message in err
    assert err.count("\n") == 1
