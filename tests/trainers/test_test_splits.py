"""Training reads no test split: neither of a corpus, nor of a published benchmark."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path
from typing import Any

import pytest

from hub.local import LocalHub
from tests.builders import ROOT
from tests.builders.training.commands import TINY, run
from tests.builders.training.toy import ToyCorpus
from trainers.cli import train

EVALUATES = {"evaluation", "rescoring", "lab"}
"""Packages of trainers that measure or report."""
ABOVE = {
    "cache_command",
    "cli",
    "cost",
    "evaluate_command",
    "options",
    "publish_module",
    "train_and_publish",
}
"""Modules of trainers that are above training in the layers."""


def training_packages() -> set[str]:
    children = {
        path.stem for path in (ROOT / "trainers").iterdir() if path.stem not in {"__init__", "__pycache__", "defaults"}
    }
    return children - EVALUATES - ABOVE


def test_the_import_contract_covers_every_package_that_trains() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    contract = next(each for each in contracts if each["name"].startswith("training reads no test split"))
    assert contract["forbidden_modules"] == ["trainers.evaluation"]
    assert {name.removeprefix("trainers.") for name in contract["source_modules"]} == training_packages()


def test_code_that_trains_asks_a_corpus_for_no_prompts_but_those_it_was_trained_on() -> None:
    asked = set()
    for name in training_packages() - {"corpora"}:  # Corpora define these functions.
        place = ROOT / "trainers" / name
        for path in [place.with_suffix(".py")] if place.with_suffix(".py").is_file() else sorted(place.rglob("*.py")):
            asked |= {(path.relative_to(ROOT).as_posix(), call) for call in calls_in(path)}
    assert asked == {("trainers/samples/samples.py", "prompts(…, 'seen')")}, "samples show what was trained on"


def calls_in(path: Path) -> set[str]:
    """Return the calls of `prompts` and `gallery` in a file, with the split that they name."""
    return {
        f"{node.func.attr}(…, {ast.unparse(node.args[-1]) if node.args else ''})"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"prompts", "gallery"}
    }


def test_a_module_trains_on_a_corpus_whose_test_splits_cannot_be_read(
    hub: LocalHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: Any) -> Any:
        raise AssertionError("training read a test split")

    monkeypatch.setattr(ToyCorpus, "prompts", refuse)
    monkeypatch.setattr(ToyCorpus, "gallery", refuse)
    run(train, "token-kd", "--lang", "yo", *TINY, "--no-evaluate", "--out", str(tmp_path / "run"))
    assert (tmp_path / "run").is_dir()
