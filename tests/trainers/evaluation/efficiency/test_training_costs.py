"""Costs of training come from the run record; an implausible record is refused, and unknown costs are left out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from hub.errors import DamagedFile
from hub.records import Provenance, Score
from trainers.evaluation.efficiency.training_costs import TrainingRun, _trained_parameters, headline_of

SCORE = Score(
    metric="r_precision_at_1", value=0.25, benchmark="emoji-generation", provenance=Provenance.SELF_REPORTED, source="s", split="seen",
    language="yo", base="emoji-sd",
)  # fmt: skip


def config(folder: Path, run: Any, **more: Any) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps({"run": run, **more}))
    return path


def test_a_run_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    found = TrainingRun.read(config(tmp_path, {"device_seconds": 201.3, "device": "H200", "parameters": 5}))
    assert found == TrainingRun(device="H200", device_seconds=201.3, parameters=5)
    older = TrainingRun.read(config(tmp_path, {"device_seconds": 7}))
    assert older == TrainingRun(device="unknown device", device_seconds=7.0, parameters=None)


@pytest.mark.parametrize("run", [None, {}, {"seconds": {"distil": 3}}])
def test_a_module_without_a_record_has_no_training_costs(tmp_path: Path, run: Any) -> None:
    assert TrainingRun.read(config(tmp_path, run)) is None


@pytest.mark.parametrize(
    "run",
    [
        {"device_seconds": -1}, {"device_seconds": "soon"}, {"device_seconds": None}, {"device_seconds": 1, "parameters": -3},
        {"device_seconds": 1, "parameters": "many"}, {"device_seconds": float("nan")}, {"device_seconds": float("inf")}, "fast", 7,
    ],
)  # fmt: skip
def test_a_record_that_was_tampered_with_is_refused_in_one_line(tmp_path: Path, run: Any) -> None:
    with pytest.raises(DamagedFile, match="run record in .*config.json") as caught:
        TrainingRun.read(config(tmp_path, run))
    assert "\n" not in str(caught.value)


def test_trained_parameters_are_those_of_the_record_or_of_the_file_but_not_of_a_compressed_change(
    tmp_path: Path,
) -> None:
    save_file({"a": torch.zeros(3, 4), "b": torch.zeros(5)}, tmp_path / "model.safetensors")
    run = TrainingRun(device="d", device_seconds=1, parameters=99)
    config(tmp_path, None)
    assert _trained_parameters(tmp_path, run) == (99, "run record")
    assert _trained_parameters(tmp_path, replace(run, parameters=None)) == (17, "parameters of the files")
    config(tmp_path, None, delta={"format": "lora", "rank": 4})
    assert _trained_parameters(tmp_path, None) == (None, "")


def test_the_headline_is_the_first_share_of_the_same_question_reproduced_before_claimed() -> None:
    fid = replace(SCORE, metric="fid", value=3.0, better="down")
    other = [
        replace(SCORE, language="sw"), replace(SCORE, split="pairs"), replace(SCORE, base="sd15"), fid,
        replace(SCORE, provenance=Provenance.REPORTED), replace(SCORE, metric="base_alone_r_precision_at_1"),
        replace(SCORE, value=0.0),
    ]  # fmt: skip
    assert headline_of(other, "emoji-sd", "yo", "seen") is None
    lesser = replace(SCORE, metric="recall_at_1", value=0.9)
    assert headline_of([*other, lesser, SCORE], "linguahub/emoji-sd", "yo", "seen") == SCORE
    measured = replace(SCORE, value=0.2, provenance=Provenance.REPRODUCED)
    assert headline_of([SCORE, measured], "emoji-sd", "yo", "seen") == measured
