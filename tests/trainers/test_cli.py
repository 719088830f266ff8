"""`hub train` and `hub evaluate`, end to end, on tiny models."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from hub.cards import describe
from hub.errors import (
    HubError,
    InvalidRequest,
    UnknownArtifact,
    UnknownBase,
    UnknownBenchmark,
    UnknownCorpus,
    UnknownLanguage,
    UnknownMethod,
)
from hub.loader import load_pipeline
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.records import Query
from tests.builders import ROOT
from tests.builders.training.commands import TINY, json_of, run
from trainers.cli import evaluate, train
from trainers.options import check_device

pytestmark = pytest.mark.usefixtures("few_denoising_steps")


@pytest.mark.parametrize("method", ["token-kd", "mulan", "pea", "bottleneck"])
def test_a_trained_module_is_published_found_loaded_and_generates(
    method: str, hub: LocalHub, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = json_of(capsys, train, method, "--lang", "Yoruba", *TINY, "--push", "--n", "4", "--price-per-hour", "2")
    assert outcome["name"] == f"local/{method}-yo"
    assert outcome["money"] == pytest.approx(outcome["device_seconds"] / 1800)
    (found,) = hub.registry.find(Query(language="yo")).items
    assert (found.method, found.bases, found.revision) == (method, ("tiny-sd",), outcome["revision"])
    wanted = {"r_precision_at_1", "base_alone_r_precision_at_10", "english_base_r_precision_at_1", "english_drop_at_1"}
    assert wanted <= {score.metric for score in found.scores}
    score = next(score for score in found.scores if score.metric == "r_precision_at_1" and score.split == "pairs")
    assert (score.provenance, score.language, score.sample_size, score.benchmark_digest) == (
        "self-reported",
        "yo",
        2,
        "0" * 64,
    )
    pipe = load_pipeline("tiny-sd", adapter=f"{method}-yo", hub=hub, device="cpu")
    image = pipe("ajá", num_inference_steps=1, output_type="pt", generator=torch.Generator().manual_seed(0)).images
    assert image.shape == (1, 3, 32, 32)


def test_the_base_alone_is_evaluated_once_for_all_its_modules(
    hub: LocalHub, capsys: pytest.CaptureFixture[str]
) -> None:
    def alone(outcome: Any) -> list[Any]:
        return [score for score in outcome["scores"] if score["metric"].startswith(("base_alone", "english_base"))]

    first = json_of(capsys, train, "token-kd", "--lang", "yo", *TINY, "--n", "3")
    remembered = sorted(hub.home.caches.glob("scores-*.json"))
    stamps = [path.stat().st_mtime_ns for path in remembered]
    second = json_of(capsys, train, "token-kd", "--lang", "yo", *TINY, "--n", "3", "--name", "other")
    assert len(remembered) == 5, "two splits, raw and translated, and English"
    assert [path.stat().st_mtime_ns for path in remembered] == stamps
    assert alone(first) == alone(second)


def test_the_loader_has_the_outputs_of_the_trained_module(
    hub: LocalHub, corpus: Any, encoder: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = json_of(capsys, train, "token-kd", "--lang", "yo", *TINY, "--no-evaluate")
    folder = Path(outcome["folder"])
    pipe = load_pipeline("tiny-sd", adapter=folder, hub=hub, device="cpu")
    config = json.loads((folder / "tiny-sd" / "config.json").read_text())
    from hub.systems.architectures import build

    module = build(config["architecture"], config["module"])
    module.load_state_dict(load_file(folder / "tiny-sd" / "model.safetensors"))
    states, mask = encoder.encode(["ológbò"], config["prompt"]["length"])
    expected = module.float()(states, mask).tokens_BLC
    found = pipe.encode_prompt("ológbò", torch.device("cpu"), 1, False)[0]
    assert torch.allclose(found, expected, atol=1e-3)


def test_the_card_is_valid_and_describes_the_training(hub: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = json_of(capsys, train, "mulan", "--lang", "yo", "--lang", "sw", *TINY, "--no-evaluate")
    folder = Path(outcome["folder"])
    artifact = describe(folder, ArtifactName("me", "mulan-yo-sw"))
    assert artifact.languages == ("yo", "sw")
    assert artifact.kind == "adapter"
    assert artifact.encoder == "tiny-xlmr"
    text = (folder / "README.md").read_text()
    for piece in (
        "Token distillation on texts alone, then the base's own",
        "hub train mulan",
        "device-seconds",
        "Not measured yet",
    ):
        assert piece in text
    weights = load_file(folder / "tiny-sd" / "model.safetensors")
    assert {value.dtype for value in weights.values()} == {torch.float16}


@pytest.mark.parametrize(
    "said",
    [
        [],
        ["--encoder", "tiny-xlmr", "--corpus", "my captions", "--image-column", "jpg", "--caption-column", "en=caption_en",
         "--caption-column", "yo=caption_yo", "--held-out-share", "0.1"],
        ["--steps", "40", "--accumulate", "2", "--english-share", "0.3", "--temperature", "1.0", "--seed", "7"],
        ["--set", "distil.learning_rate=0.001", "--lang", "sw"],
    ],
)  # fmt: skip
def test_the_command_in_a_card_requests_the_same_run(
    said: list[str], hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    import trainers.run
    from trainers.publish_module import training_command

    orders: list[Any] = []

    def note(order: Any, *_: Any, **__: Any) -> None:
        orders.append(order)
        raise InvalidRequest("enough")

    monkeypatch.setattr(trainers.run, "train_module", note)
    for command in (["--base", "tiny-sd", "--lang", "yo", *said], None):
        words = command or shlex.split(training_command(orders[0], "tiny-sd"))[3:]
        with pytest.raises(InvalidRequest, match="enough"):
            run(train, "token-kd", *words)
    assert orders[0] == orders[1]


def test_english_alone_makes_a_module_for_every_language(hub: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = json_of(capsys, train, "mulan", "--lang", "en", *TINY, "--no-evaluate", "--push")
    assert outcome["name"] == "local/mulan"
    assert hub.registry.get("mulan").languages == ("mul",)


def test_a_recipe_file_and_set_reach_the_run_its_config_and_its_card(
    hub: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    recipe = tmp_path / "short.yaml"
    recipe.write_text(
        "method: mulan\nbase: tiny-sd\nencoder: tiny-xlmr\ncorpus: toy\nenglish_share: 0\nmodule: {queries: 5}\n"
        "prompt: {prefix: 'dog ', drop: [1], length: 8, negative: {length: 7}}\n"
        "phases: {denoise: {steps: 9, batch_size: 2}}\n"
    )
    outcome = json_of(
        capsys, train, "mulan", "--recipe", str(recipe), "--set", "steps=2", "--lang", "yo", "--device", "cpu", "--no-evaluate"
    )  # fmt: skip
    assert set(outcome["seconds"]) == {"caches", "denoise"}
    config = json.loads((Path(outcome["folder"]) / "tiny-sd" / "config.json").read_text())
    assert config["run"]["phases"]["denoise"]["steps"] == 2
    assert (config["conditioning"]["length"], config["module"]["queries"]) == (5, 5)
    assert config["prompt"]["drop"] == [1]
    assert config["prompt"]["negative"] == {"prefix": "", "suffix": "", "drop": [], "length": 7}
    assert config["run"]["order"]["english_share"] == 0
    card = (Path(outcome["folder"]) / "README.md").read_text()
    assert f"--recipe {recipe} --set steps=2" in card
    assert "--english-share" not in card, "the recipe says it"
    pipe = load_pipeline("tiny-sd", adapter=Path(outcome["folder"]), hub=hub, device="cpu")
    prompts_BLC, negative_BLC = pipe.encode_prompt("ajá", torch.device("cpu"), 1, True)
    assert prompts_BLC.shape == negative_BLC.shape == (1, 5, 16)


def test_a_recipe_of_another_method_is_refused(hub: LocalHub) -> None:
    with pytest.raises(InvalidRequest, match="is for `mulan`: run `hub train mulan --recipe mulan-sd15`"):
        run(train, "pea", "--recipe", "mulan-sd15", "--lang", "yo", "--device", "cpu")


def test_the_same_request_writes_the_same_bytes(hub: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    weights = []
    for name in ("first", "second"):
        outcome = json_of(capsys, train, "mulan", "--lang", "yo", *TINY, "--no-evaluate", "--name", name)
        weights.append((Path(outcome["folder"]) / "tiny-sd" / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]


def test_english_before_and_after_is_in_every_card(hub: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = json_of(capsys, train, "token-kd", "--lang", "yo", *TINY, "--n", "12")
    card = describe(Path(outcome["folder"]), ArtifactName("me", "token-kd-yo"))
    english = {score.metric: score.value for score in card.scores if score.language == "en"}
    before, after = english["base_alone_r_precision_at_1"], english["r_precision_at_1"]
    assert english["english_drop_at_1"] == pytest.approx(before - after, abs=1e-5)
    assert "| english_drop_at_1 | emoji-generation | seen | en |" in (Path(outcome["folder"]) / "README.md").read_text()


def test_several_languages_are_sampled_by_temperature(hub: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    weights = {}
    for temperature in ("1.0", "9.0"):
        arguments = (
            "--lang",
            "yo",
            "--lang",
            "Swahili",
            *TINY,
            "--no-evaluate",
            "--overwrite",
            "--temperature",
            temperature,
        )
        folder = Path(json_of(capsys, train, "token-kd", *arguments)["folder"]) / "tiny-sd"
        order = json.loads((folder / "config.json").read_text())["run"]["order"]
        assert (order["languages"], order["temperature"]) == (["yo", "sw"], float(temperature))
        weights[temperature] = (folder / "model.safetensors").read_bytes()
    assert weights["1.0"] != weights["9.0"], "ten Yoruba texts and twelve Swahili ones"


@pytest.mark.parametrize(
    ("method", "recipe", "told", "untold"),
    [
        ("mulan", "method: mulan\nphases: {denoise: {}}", "The base's own denoising loss", "token distillation"),
        ("pea", "method: pea\nphases: {distil: {}}", "Token distillation on texts alone.", "both teacher"),
        (
            "full",
            "method: full\nphases: {everything: {empty_share: 0.3}}",
            "with 30% of the prompts dropped.",
            "distilled from",
        ),
        (
            "altdiffusion",
            "method: altdiffusion\nmodule: {delta: weights}\nphases: {teach: {match: pooled}, quality: {}}",
            "by its pooled states, then the whole denoiser is trained",
            "LoRA",
        ),
    ],
)
def test_a_card_describes_only_the_phases_that_ran(
    method: str,
    recipe: str,
    told: str,
    untold: str,
    hub: LocalHub,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    (tmp_path / "own.yaml").write_text(recipe)
    outcome = json_of(
        capsys, train, method, "--recipe", str(tmp_path / "own.yaml"), "--lang", "yo", *TINY, "--steps", "2", "--no-evaluate",
        "--out", str(tmp_path / "run"),
    )  # fmt: skip
    training = Path(outcome["folder"], "README.md").read_text().partition("## Training")[2].partition("## Cost")[0]
    assert told in training
    assert untold not in training
    assert "Two phases" not in training and "Three phases" not in training


def test_an_unavailable_device_is_refused(hub: LocalHub) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(InvalidRequest, match="there is no CUDA device"):
        run(train, "mulan", "--lang", "yo", *TINY[:-1], "cuda")


def test_evaluation_takes_one_of_several_gpus_and_training_all_of_them() -> None:
    for device in ("", "cpu", "cuda"):
        check_device(device)
    check_device("cuda:1", takes_index=True)
    for device, takes_index in (("cuda:1", False), ("cuda:x", True), ("cuda:", True), ("tpu", True)):
        with pytest.raises(InvalidRequest, match="unknown device"):
            check_device(device, takes_index=takes_index)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("mulann", "--lang", "yo", *TINY), UnknownMethod, "Did you mean `mulan`"),
        (("mulan", "--lang", "zzzzzz", *TINY), UnknownLanguage, "no language is called"),
        (("mulan", "--lang", "Yorubba", *TINY), UnknownLanguage, "Did you mean `"),
        (("mulan", *TINY), InvalidRequest, "--lang yo"),
        (("mulan", "--lang", "fr", *TINY), InvalidRequest, "has no texts in `fr`"),
        (("mulan", "--lang", "ig", *TINY), InvalidRequest, "(`ig`) is reserved for zero-shot evaluation"),
        (("mulan", "--lang", "yo", *TINY, "--base", "tiny-sdd"), UnknownBase, "Did you mean `tiny-sd`"),
        (("mulan", "--lang", "yo", *TINY, "--base", "tiny-xlmr"), InvalidRequest, "not a base"),
        (("mulan", "--lang", "yo", *TINY, "--encoder", "nothing"), UnknownArtifact, "no artifact is called"),
        (("mulan", "--lang", "yo", *TINY, "--encoder", "tiny-sd"), InvalidRequest, "not an encoder"),
        (("mulan", "--lang", "yo", *TINY, "--corpus", "emojis"), UnknownCorpus, "Did you mean `emoji`"),
        (("mulan", "--lang", "yo", *TINY, "--device", "tpu"), InvalidRequest, "unknown device `tpu`"),
        (("mulan", "--lang", "yo", *TINY, "--name", "../x"), HubError, "invalid name"),
        (("mulan", "--lang", "yo", *TINY, "--accumulate", "7"), InvalidRequest, "cannot be split evenly"),
    ],
)
def test_an_invalid_request_is_refused_in_one_line_and_leaves_no_run(
    arguments: tuple[str, ...], error: type[HubError], message: str, hub: LocalHub
) -> None:
    with pytest.raises(error) as caught:
        run(train, *arguments)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
    assert not list(hub.home.runs.glob("*/*/module.safetensors"))
    assert not list(hub.home.runs.glob("*")), "a refused order leaves nothing behind"


def test_scores_are_written_to_a_new_revision_of_the_card(hub: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    json_of(capsys, train, "token-kd", "--lang", "yo", *TINY, "--no-evaluate", "--push")
    before = hub.registry.get("token-kd-yo")
    scores = json_of(
        capsys,
        evaluate,
        "token-kd-yo",
        "--corpus",
        "toy",
        "--benchmark",
        "emoji-retrieval",
        "--split",
        "seen",
        "--split",
        "pairs",
        "--push",
    )
    assert [score["metric"] for score in scores] == ["recall_at_1", "recall_at_5", "recall_at_10"] * 2
    after = hub.registry.get("token-kd-yo")
    assert (before.scores, len(after.scores)) == ((), 6)
    assert hub.registry.revision(after.name).number == 2
    assert before.weights_digest == after.weights_digest
    text = (hub.snapshot("token-kd-yo") / "README.md").read_text()
    assert "| recall_at_1 | emoji-retrieval | pairs | yo |" in text
    assert "Not measured yet" not in text
    json_of(capsys, evaluate, "token-kd-yo", "--corpus", "toy", "--benchmark", "emoji-retrieval", "--push")
    assert len(hub.registry.get("token-kd-yo").scores) == 6


def test_a_base_and_an_encoder_can_be_evaluated_too(hub: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    generation = json_of(capsys, evaluate, "tiny-sd", "--corpus", "toy", "--n", "3")
    assert generation[0]["metric"] == "r_precision_at_1"
    assert {score["language"] for score in generation} == {"en"}
    retrieval = json_of(capsys, evaluate, "tiny-xlmr", "--corpus", "toy", "--lang", "en")
    assert retrieval[0] | {"source": "", "benchmark_digest": ""} == retrieval[0] | {
        "source": "",
        "benchmark_digest": "",
        "value": 1.0,
    }


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("nothing",), UnknownArtifact, "no artifact is called `nothing`"),
        (("tiny-sd", "--benchmark", "emoji-generatoin"), UnknownBenchmark, "Did you mean `emoji-generation`"),
        (("tiny-sd", "--split", "test"), InvalidRequest, "Available: seen, pairs, languages"),
        (("tiny-sd", "--lang", "fr"), InvalidRequest, "has no prompts in `fr`"),
        (("tiny-xlmr", "--benchmark", "emoji-generation"), InvalidRequest, "generates no images"),
    ],
)
def test_an_invalid_evaluation_is_refused_in_one_line(
    arguments: tuple[str, ...], error: type[HubError], message: str, hub: LocalHub
) -> None:
    with pytest.raises(error) as caught:
        run(evaluate, *arguments, "--corpus", "toy")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_commands_can_be_listed_without_importing_torch() -> None:
    code = "import sys, trainers.cli; sys.exit(any(name in sys.modules for name in ('torch', 'diffusers', 'numpy', 'pyarrow')))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, timeout=300).returncode == 0
