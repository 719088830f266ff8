"""Mistakes that need no tensor library are told before one is imported, and libraries do not write between the lines."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders import ROOT

HEAVY = "torch diffusers transformers accelerate"
CODE = f"""
import sys
from hub.cli import main
code = main(sys.argv[1:])
print(sorted(set({HEAVY.split()}) & set(sys.modules)))
sys.exit(code)
"""


@pytest.mark.parametrize(
    ("command", "message"),
    [
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
    ],
)
def test_a_mistake_is_told_in_one_line_before_torch(home: Path, cards: Path, command: str, message: str) -> None:
    from hub.cards import Card, write_card
    from hub.conditioning import Conditioning
    from hub.records import Upstream
    from tests.builders.artifacts import a_card, a_folder

    upstream = (Upstream(repository="org/far", file="unet/x.safetensors", revision="a" * 40),)
    a_base = Card(
        kind="base", summary="Far away.", license="MIT", languages=("en",), upstream=upstream, conditioning=Conditioning(width=9, length=None)
    )  # fmt: skip
    write_card(a_base, cards / "bases" / "far-base")
    an_encoder = Card(kind="encoder", summary="Far away.", license="MIT", languages=("en",), upstream=upstream)
    write_card(an_encoder, cards / "encoders" / "far-encoder")
    a_folder(cards / "adapters" / "trained", a_card(bases=("small-sd",)), variants=("small-sd",))
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(home / "hf"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", CODE, *command.split()],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=300,
    )
    assert done.returncode in {1, 2}, done.stderr
    assert done.stdout == "[]\n"
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
