"""A run is resumed, continued, begun from a module, and never removed unasked."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from hub.errors import (
    DoesNotFit,
    InvalidRequest,
)
from hub.local import LocalHub
from tests.builders.training.commands import TINY, json_of, run
from trainers.cli import train

pytestmark = pytest.mark.usefixtures("few_denoising_steps")


def test_a_resumed_run_does_not_repeat_finished_phases(
    hub: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ("mulan", "--lang", "yo", *TINY, "--no-evaluate", "--out", str(tmp_path / "run"))
    first = json_of(capsys, train, *arguments)
    before = (Path(first["folder"]) / "tiny-sd" / "model.safetensors").read_bytes()
    (tmp_path / "run" / "1-denoise" / "finished.json").unlink()
    second = json_of(capsys, train, *arguments, "--resume")
    assert (Path(second["folder"]) / "tiny-sd" / "model.safetensors").read_bytes() == before
    assert second["seconds"]["distil"] == first["seconds"]["distil"]


def test_a_run_with_other_settings_is_not_resumed(
    hub: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ("token-kd", "--lang", "yo", *TINY, "--no-evaluate", "--out", str(tmp_path / "run"))
    with pytest.raises(InvalidRequest, match="no run to resume"):
        run(train, *arguments, "--resume")
    run(train, *arguments)
    with pytest.raises(InvalidRequest, match=r"used different settings \(seed 0 → 5\)"):
        run(train, *arguments, "--resume", "--seed", "5")
    with pytest.raises(InvalidRequest, match=r"different settings \(changes.everywhere.cosine None → 2\)"):
        run(train, *arguments, "--resume", "--set", "cosine=2")


def test_a_run_of_another_recipe_is_refused_by_the_one_key_that_differs(
    hub: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    recipe = tmp_path / "own.yaml"
    arguments = (
        "token-kd", "--recipe", str(recipe), "--lang", "yo", *TINY, "--no-evaluate", "--out", str(tmp_path / "run"),
    )  # fmt: skip
    recipe.write_text("method: token-kd\nphases: {distil: {batch_size: 4, cosine: 1.0}}")
    run(train, *arguments)
    recipe.write_text("method: token-kd\nphases: {distil: {batch_size: 4, cosine: 2.0}}")
    with pytest.raises(InvalidRequest, match=r"settings \(changes.phases.distil.cosine 1.0 → 2.0\)\. Resume"):
        run(train, *arguments, "--resume")


def test_a_run_begins_from_a_published_module(
    hub: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    plain = ("token-kd", "--lang", "yo", *TINY, "--no-evaluate", "--set", "learning_rate=1e-9", "--set", "ema_decay=0")
    begun = json_of(capsys, train, "token-kd", "--lang", "yo", *TINY, "--no-evaluate", "--name", "first", "--push")
    before = load_file(Path(begun["folder"]) / "tiny-sd" / "model.safetensors")
    more = json_of(capsys, train, *plain, "--from", "first", "--out", str(tmp_path / "more"))
    found = load_file(Path(more["folder"]) / "tiny-sd" / "model.safetensors")
    for key, value in before.items():
        torch.testing.assert_close(found[key], value, atol=1e-3, rtol=1e-2)
    config = json.loads((Path(more["folder"]) / "tiny-sd" / "config.json").read_text())
    assert config["parent"] == "first"
    assert "--from first" in (Path(more["folder"]) / "README.md").read_text()
    other = json_of(capsys, train, *plain, "--out", str(tmp_path / "random"))
    random = load_file(Path(other["folder"]) / "tiny-sd" / "model.safetensors")
    assert not all(torch.allclose(random[key], value, atol=1e-3, rtol=1e-2) for key, value in before.items())
    with pytest.raises(DoesNotFit, match=r"cannot begin from `first`: linears 3 → 4"):
        run(train, *plain, "--from", "first", "--out", str(tmp_path / "other"), "--set", "module.linears=4")
    with pytest.raises(InvalidRequest, match="this method trains other weights"):
        run(train, "lora", "--lang", "yo", *TINY, "--from", "first", "--no-evaluate")


def test_a_run_is_never_removed_unless_it_is_to_be_overwritten(
    hub: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ("token-kd", "--lang", "yo", *TINY, "--no-evaluate", "--out", str(tmp_path / "run"))
    run(train, *arguments)
    finished = tmp_path / "run" / "0-distil" / "finished.json"
    before = finished.stat().st_mtime_ns
    with pytest.raises(
        InvalidRequest, match=r"there is a run in .*run already: continue it with `--resume`, .*`--overwrite`"
    ):
        run(train, *arguments, "--seed", "5")
    assert finished.stat().st_mtime_ns == before
    run(train, *arguments, "--seed", "5", "--overwrite")
    assert finished.stat().st_mtime_ns > before


def test_the_total_cost_is_printed_beforehand_and_with_times_once_they_are_known(
    hub: LocalHub, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    run(train, "token-kd", "--lang", "yo", *TINY, "--n", "2")
    said = capsys.readouterr().err
    assert "Training: 8 steps (distil 8), time not measured here yet." in said
    assert "Evaluation: up to 16 images, time not measured here yet;" in said
    assert said.index("Training: 8 steps") < said.index("distil:") if "distil:" in said else True
    run(train, "token-kd", "--lang", "yo", *TINY, "--n", "2", "--name", "again", "--price-per-hour", "2")
    said = capsys.readouterr().err
    assert re.search(
        r"8 steps \(distil 8\), about \d+ s\. Evaluation: up to 16 images, about \d+ s;.* Price: about \$\d", said
    )


def test_a_finished_run_is_continued_with_more_steps_of_its_last_phase(
    hub: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def steps_of(phase: str) -> list[int]:
        lines = (tmp_path / "run" / phase / "metrics.jsonl").read_text().splitlines()
        return [step for line in lines if (step := json.loads(line).get("step"))]

    arguments = ("mulan", "--lang", "yo", *TINY, "--no-evaluate", "--out", str(tmp_path / "run"))
    first = json_of(capsys, train, *arguments, "--steps", "4")
    weights = Path(first["folder"]) / "tiny-sd" / "model.safetensors"
    before = weights.read_bytes()
    assert (max(steps_of("0-distil")), max(steps_of("1-denoise"))) == (4, 1)
    more = json_of(capsys, train, *arguments, "--steps", "9", "--resume")
    assert (max(steps_of("0-distil")), max(steps_of("1-denoise"))) == (4, 5)
    assert more["seconds"]["distil"] == first["seconds"]["distil"]
    assert more["seconds"]["denoise"] > first["seconds"]["denoise"]
    continued = weights.read_bytes()
    assert continued != before
    card = Path(more["folder"]) / "README.md"
    assert "`distil` for 4 steps, `denoise` for 5 steps" in card.read_text()
    json_of(capsys, train, *arguments, "--steps", "9", "--resume")
    assert weights.read_bytes() == continued, "nothing was left to do"
    commands = [line.strip() for line in card.read_text().splitlines() if line.startswith("    hub train")]
    again = tmp_path / "again"
    for command in commands:
        words = [*shlex.split(command)[2:], "--no-evaluate", "--out", str(again), "--device", "cpu"]
        repeated = Path(json_of(capsys, train, *words)["folder"]) / "tiny-sd" / "model.safetensors"
    assert [("--steps 4" in each, "--steps 9" in each, "--resume" in each) for each in commands] == [
        (True, False, False),
        (False, True, True),
    ]
    assert repeated.read_bytes() == continued, "the commands in the card repeat the run"
    assert "one after the other, repeat it" in card.read_text() and "was stopped" not in card.read_text()
    with pytest.raises(InvalidRequest, match="has 9 steps: raise `--steps`"):
        run(train, *arguments, "--steps", "5", "--resume")


def test_a_card_states_whether_a_run_was_stopped_before_it_was_continued(tmp_path: Path) -> None:
    from trainers.run_folder import EarlierRun, earlier_runs

    (tmp_path / "order.json").write_text(json.dumps({"steps": 9, "schedule": [[4, 1], [5, 1]], "earlier": []}))
    assert earlier_runs(tmp_path, 12) == [EarlierRun(9, is_finished=False)]
    (tmp_path / "1-denoise").mkdir()
    (tmp_path / "1-denoise" / "finished.json").write_text('{"steps": 5}')
    assert earlier_runs(tmp_path, 12) == [EarlierRun(9, is_finished=True)]
