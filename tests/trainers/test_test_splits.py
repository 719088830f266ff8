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

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


def contract(start: str) -> dict[str, Any]:
    return next(each for each in CONTRACTS if each["name"].startswith(start))


def training_packages() -> set[str]:
    """Return the layers below `evaluation` in trainers."""
    layers = [layer.split(" | ") for layer in contract("the lab is a guest of the trainers")["layers"]]
    place = next(place for place, layer in enumerate(layers) if "evaluation" in layer)
    return {name for layer in layers[place + 1 :] for name in layer} - {"defaults"}


def test_the_import_contract_covers_every_package_that_trains() -> None:
    found = contract("training reads no test split")
    assert found["forbidden_modules"] == ["trainers.evaluation"]
    assert {name.removeprefix("trainers.") for name in found["source_modules"]} == training_packages()
    assert {"loop", "methods", "inputs", "corpora", "samples", "run"} <= training_packages()


def test_training_code_only_reads_the_training_prompts_of_a_corpus() -> None:
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
