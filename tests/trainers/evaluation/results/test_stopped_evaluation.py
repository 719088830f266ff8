"""`hub evaluate` continues where it was stopped, and divides its prompts among processes."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from hub.local import LocalHub
from tests.builders.training import processes as launching
from tests.builders.training import published_benchmarks as published
from tests.builders.training.commands import json_of, run
from tests.builders.training.counted_images import draw_pairs, interrupt, logs
from trainers.cli import evaluate
from trainers.corpora import CORPORA
from trainers.evaluation.captions import caption_benchmark

COMMON = ("--device", "cpu", "--steps", "1", "--judge", "emoji-judge", "--benchmark", "mg-18")
LANGUAGES = ("--lang", "yo", "--lang", "de")
LAB = (
    "tiny-sd",
    "--device",
    "cpu",
    "--benchmark",
    "emoji-generation-8-steps",
    "--corpus",
    "toy",
    "--lang",
    "yo",
    "--n",
    "6",
)
IMAGES = 24
"""Eight prompts in each of two languages, and their English meanings by the base."""


def evaluate_until_killed(folder: str) -> None:
    draw_pairs(setattr, [], lambda: os.kill(os.getpid(), signal.SIGKILL), after=12)
    run(evaluate, "tiny-sd", *COMMON, *LANGUAGES, "--data", folder)


def evaluate_the_lab_until_killed() -> None:
    CORPORA["toy"] = "tests.trainers.conftest:ToyCorpus"
    draw_pairs(setattr, [], lambda: os.kill(os.getpid(), signal.SIGKILL), after=4)
    run(evaluate, *LAB)


def evaluate_together(folder: str, out: str) -> None:
    drawn: list[str] = []
    draw_pairs(setattr, drawn)
    run(evaluate, "tiny-sd", *COMMON, *LANGUAGES, "--data", folder, "--keep", f"{out}/images", "--json")
    Path(out, f"drawn-{os.environ['RANK']}.json").write_text(json.dumps(drawn))


def environment(hub: LocalHub) -> dict[str, str]:
    return {"HUB_HOME": str(hub.home.folder), "HUB_CARDS": str(hub.home.cards)}


def test_an_evaluation_that_was_killed_continues_without_generating_an_image_again(
    hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(published.mg18(tmp_path / "mg18"))
    process = launching.start([(__name__, "evaluate_until_killed", (folder,))], environment(hub), tmp_path / "output")
    process.join(120)
    assert process.exitcode == -signal.SIGKILL, (tmp_path / "output").read_text()
    drawn: list[str] = []
    draw_pairs(monkeypatch.setattr, drawn)
    scores = json_of(capsys, evaluate, "tiny-sd", *COMMON, *LANGUAGES, "--data", folder)
    assert len(drawn) == IMAGES - 12
    assert logs(hub) == [], "nothing is left of an evaluation that is done"
    whole = json_of(capsys, evaluate, "tiny-sd", *COMMON, *LANGUAGES, "--data", folder)
    assert len(drawn) == IMAGES - 12 + IMAGES, "a new evaluation measures again"
    assert scores == whole


def test_an_evaluation_of_the_lab_that_was_killed_continues_and_computes_the_same_scores(
    hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    process = launching.start([(__name__, "evaluate_the_lab_until_killed", ())], environment(hub), tmp_path / "output")
    process.join(120)
    assert process.exitcode == -signal.SIGKILL, (tmp_path / "output").read_text()
    drawn: list[str] = []
    draw_pairs(monkeypatch.setattr, drawn)
    scores = json_of(capsys, evaluate, *LAB)
    assert len(drawn) == 6 - 4
    assert logs(hub) == []
    assert scores == json_of(capsys, evaluate, *LAB)
    assert len(drawn) == 6 - 4 + 6, "a new evaluation measures again"


def test_an_interrupt_keeps_finished_results_and_explains_how_to_continue(
    hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, kept = str(published.mg18(tmp_path / "mg18")), tmp_path / "kept"
    command = ("tiny-sd", *COMMON, "--lang", "yo", "--data", folder, "--metric", "clip_score", "--keep", str(kept))
    drawn: list[str] = []
    with monkeypatch.context() as patch:
        draw_pairs(patch.setattr, drawn, interrupt, after=4)
        run(evaluate, *command)
    assert "Stopped: 4 results are kept. Run the same command to continue." in capsys.readouterr().err
    images = sorted((kept / "mg-18/crossmodal/yo").glob("*.png"))
    assert len(images) == 4
    images[0].unlink()
    draw_pairs(monkeypatch.setattr, drawn)
    json_of(capsys, evaluate, *command)
    assert len(drawn) == 4 + 4 + 1, "an image that is to be kept, and is gone, is drawn again"
    assert len(list((kept / "mg-18/crossmodal/yo").glob("*.png"))) == 8


@pytest.mark.parametrize("changed", [("--seed", "1"), ("--steps", "2")])
def test_other_settings_do_not_continue_a_stopped_evaluation(
    changed: tuple[str, str], hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    folder = str(published.mg18(tmp_path / "mg18"))
    command = ("tiny-sd", *COMMON, "--lang", "yo", "--data", folder, "--metric", "clip_score")
    drawn: list[str] = []
    with monkeypatch.context() as patch:
        draw_pairs(patch.setattr, drawn, interrupt, after=4)
        run(evaluate, *command)
    draw_pairs(monkeypatch.setattr, drawn)
    json_of(capsys, evaluate, *command, *changed)
    assert len(drawn) == 4 + 8
    assert len(logs(hub)) == 1, "the stopped one can still be continued"


def test_a_retrieval_that_was_stopped_embeds_no_image_again(
    hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(published.xtd10(tmp_path / "xtd10"))
    command = ("emoji-judge", "--benchmark", "xtd10", "--data", folder, "--device", "cpu")
    expected = json_of(capsys, evaluate, *command)
    monkeypatch.setattr(caption_benchmark, "IMAGES_AT_ONCE", 2)
    opened: list[str] = []
    open_image = caption_benchmark.open_image

    def open_and_count(path: Path) -> Any:
        if len(opened) == 4:
            raise KeyboardInterrupt
        opened.append(path.name)
        return open_image(path)

    with monkeypatch.context() as patch:
        patch.setattr(caption_benchmark, "open_image", open_and_count)
        run(evaluate, *command)
    before = set(opened)
    opened.clear()
    with monkeypatch.context() as patch:
        patch.setattr(caption_benchmark, "open_image", open_and_count)
        found = json_of(capsys, evaluate, *command)
    assert len(opened) == 4
    assert not before & set(opened)
    assert [score["value"] for score in found] == pytest.approx([score["value"] for score in expected], abs=1e-6)


@pytest.mark.slow
def test_two_processes_divide_the_prompts_and_write_the_scores_of_one(
    hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(published.mg18(tmp_path / "mg18"))
    call = (__name__, "evaluate_together", (folder, str(tmp_path)))
    output = launching.launch([call], processes=2, environment=environment(hub))
    together = [json.loads(line) for line in output.splitlines() if line.startswith("[{")]
    assert len(together) == 1, "one process prints the scores"
    first, second = (json.loads((tmp_path / f"drawn-{rank}.json").read_text()) for rank in (0, 1))
    assert len(first) == len(second) == IMAGES // 2
    assert not set(first) & set(second), "each prompt is drawn once"
    assert len(list((tmp_path / "images").rglob("*.png"))) == IMAGES
    assert logs(hub) == []
    draw_pairs(monkeypatch.setattr, [])
    assert together[0] == json_of(capsys, evaluate, "tiny-sd", *COMMON, *LANGUAGES, "--data", folder)
