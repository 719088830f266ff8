"""`hub evaluate --benchmark efficiency` on tiny models. The measured values are not asserted, because they depend on the machine and its load."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from hub.errors import HubError, InvalidRequest
from hub.local import LocalHub
from hub.records import Query
from hub.registry.index.ranking import COSTS
from tests.builders.training import published_benchmarks as published
from tests.builders.training.commands import TINY, json_of, run
from trainers.cli import evaluate, train
from trainers.evaluation.efficiency import efficiency
from trainers.evaluation.efficiency.latency import machine_label
from trainers.evaluation.efficiency.peak_memory import Peak, Use, home_fields, measure_peak
from trainers.evaluation.efficiency.training_costs import headline_of
from trainers.evaluation.generation import GenerationEvaluator

MACHINE = machine_label(torch.device("cpu"), torch.float32)
COMMON = ("--benchmark", "efficiency", "--corpus", "toy", "--device", "cpu", "--steps", "1")


@pytest.fixture
def peak(monkeypatch: pytest.MonkeyPatch) -> list[Use]:
    """The requests for peak memory, which are answered without a process."""
    asked: list[Use] = []

    def measured(use: Use) -> Peak:
        asked.append(use)
        return Peak(host=700_000_000, device=0)

    monkeypatch.setattr(efficiency, "measure_peak", measured)
    return asked


def by_metric(scores: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    found = {score["metric"]: score for score in scores}
    assert len(found) == len(scores)
    assert all(score["better"] == "down" and score["benchmark"] == "efficiency" for score in scores)
    assert all(metric.startswith(COSTS) for metric in found), "costs are never ranked as scores of quality"
    return found


def test_a_module_has_latencies_memory_parameters_bytes_and_training_costs(
    hub: LocalHub, peak: list[Use], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GenerationEvaluator, "steps", 2)
    run(train, "token-kd", "--lang", "yo", *TINY, "--push", "--n", "4")
    found = by_metric(
        json_of(capsys, evaluate, "token-kd-yo", *COMMON, "--lang", "yo", "--price-per-hour", "3.6", "--push")
    )
    for metric, unit in (("latency_text_to_image", "ms"), ("latency_text_to_embedding", "ms")):
        label = f"[{MACHINE}; 1 step]" if metric.endswith("image") else f"[{MACHINE}]"
        score = found[metric + label]
        assert score["low"] <= score["value"] <= score["high"]
        assert (score["unit"], score["language"], score["split"], score["base"]) == (unit, "yo", "seen", "tiny-sd")
        assert "one at a time after one to warm up, 5–95 %" in score["source"]
        assert len(score["benchmark_digest"]) == 64
    assert found[f"latency_text_to_image[{MACHINE}; 1 step]"]["sample_size"] == 5, "half of ten prompts"
    assert found[f"latency_text_to_embedding[{MACHINE}]"]["sample_size"] == 4, "the others, without the first"
    memory = found[f"peak_memory[{MACHINE}; 1 step]"]
    assert (memory["value"], memory["unit"], memory["language"]) == (700.0, "MB", "")
    assert [(use.artifact, use.device, use.settings["num_inference_steps"]) for use in peak] == [
        ("local/token-kd-yo", "cpu", 1)
    ]
    parameters, share = found["trainable_parameters"]["value"], found["trainable_share"]["value"]
    assert parameters > 0
    assert 0 < share < 1
    assert "run record" in found["trainable_share"]["source"]
    artifact = hub.registry.get("token-kd-yo")
    assert found["file_size"]["value"] > 0
    seconds = next(score for metric, score in found.items() if metric.startswith("training_device_seconds["))
    dollars = next(score for metric, score in found.items() if metric.startswith("training_cost["))
    assert dollars["value"] == pytest.approx(seconds["value"] * 3.6 / 3600, abs=1e-6)
    assert "3.6 USD/h" in dollars["metric"]
    headline = headline_of(artifact.scores, "tiny-sd", "yo", "seen")
    assert headline is not None
    point = next(score for metric, score in found.items() if metric.startswith("cost_device_seconds_per_point["))
    assert f"[{headline.metric} on emoji-generation; " in point["metric"]
    assert point["value"] == pytest.approx(seconds["value"] / (100 * headline.value), abs=1e-6)
    assert {score.metric for score in artifact.scores} >= set(found), "published in the card"
    assert hub.registry.find(Query(text="token-kd-yo")).items[0].name == artifact.name


def test_costs_that_do_not_depend_on_prompts_are_measured_once_for_all_languages(
    hub: LocalHub, peak: list[Use], capsys: pytest.CaptureFixture[str]
) -> None:
    found = json_of(capsys, evaluate, "tiny-sd", *COMMON, "--lang", "en", "--lang", "sw", "--n", "4")
    metrics = [(score["metric"].partition("[")[0], score["language"]) for score in found]
    assert metrics.count(("file_size", "")) == metrics.count(("peak_memory", "")) == len(peak) == 1
    assert {language for metric, language in metrics if metric == "latency_text_to_image"} == {"en", "sw"}
    assert not any(metric.startswith(("trainable", "training", "cost")) for metric, _ in metrics), (
        "a base was not trained here"
    )


def test_a_retriever_is_timed_in_both_directions_and_an_encoder_alone(
    hub: LocalHub, peak: list[Use], capsys: pytest.CaptureFixture[str]
) -> None:
    common = [each for each in COMMON if each not in {"--steps", "1"}]
    found = by_metric(json_of(capsys, evaluate, "emoji-judge", *common, "--lang", "en"))
    assert {f"latency_text_to_image[{MACHINE}; of 12]", f"latency_image_to_text[{MACHINE}; of 12]"} < set(found)
    assert found[f"latency_image_to_text[{MACHINE}; of 12]"]["sample_size"] == 11
    alone = by_metric(json_of(capsys, evaluate, "tiny-xlmr", *common, "--lang", "yo"))
    assert {metric.partition("[")[0] for metric in alone} == {"latency_text_to_embedding", "peak_memory", "file_size"}


def test_a_module_is_timed_in_turn_with_a_translator(
    hub: LocalHub, peak: list[Use], capsys: pytest.CaptureFixture[str]
) -> None:
    for method in ("token-kd", "translate"):
        run(train, method, "--lang", "yo", *TINY, "--no-evaluate", "--push")
    found = by_metric(
        json_of(capsys, evaluate, "token-kd-yo", *COMMON, "--lang", "yo", "--n", "5", "--translator", "translate-yo")
    )
    for what, protocol in (("text_to_image", "; 1 step"), ("text_to_embedding", "")):
        ratio = found[f"latency_ratio_{what}[{MACHINE}{protocol}; translate-yo]"]
        assert (ratio["unit"], ratio["sample_size"]) == ("1", 2)
        assert f"latency_translate_first_{what}[{MACHINE}{protocol}; translate-yo]" in found
        assert "--translator translate-yo" in ratio["source"]
    with pytest.raises(
        InvalidRequest, match="`token-kd-yo` does not translate prompts on `tiny-sd` .*hub train translate"
    ):
        run(evaluate, "translate-yo", *COMMON, "--lang", "yo", "--translator", "token-kd-yo")


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("tiny-sd", ("--benchmark", "efficiency", "--judge", "emoji-judge"), "`efficiency` takes no --judge: it judges no images."),
        ("tiny-sd", ("--benchmark", "efficiency", "--metric", "fid"), "`efficiency` takes no --metric"),
        ("tiny-sd", ("--benchmark", "efficiency", "--n", "2"), "needs at least 3 different prompts in `en`, but has 2: raise --n"),
        ("tiny-sd", ("--benchmark", "efficiency", "--lang", "fr"), "has no prompts in `fr`"),
        ("tiny-sd", ("--benchmark", "efficiency", "--price-per-hour", "inf"), "--price-per-hour is inf"),
        ("tiny-sd", ("--benchmark", "efficiency", "--guidance", "inf"), "--guidance is inf"),
        ("tiny-sd", ("--benchmark", "emoji-generation", "--price-per-hour", "1"), "`emoji-generation` takes no --price-per-hour"),
        ("tiny-sd", ("--benchmark", "mg-18", "--data", "HERE", "--translator", "t"), "`mg-18` takes no --translator"),
        ("emoji-judge", ("--benchmark", "efficiency", "--translator", "t"), "`--translator` is for subjects that generate images"),
        ("emoji-judge", ("--benchmark", "xtd10", "--data", "HERE", "--price-per-hour", "0"), "`xtd10` takes no --price-per-hour"),
        ("tiny-sd", ("--benchmark", "efficiency", "--engine", "ray"), "`efficiency` cannot be divided among workers"),
    ],
)  # fmt: skip
def test_unsupported_requests_are_refused_in_one_line(
    name: str, arguments: Sequence[str], message: str, hub: LocalHub, tmp_path: Path, peak: list[Use]
) -> None:
    folder = str(published.mg18(tmp_path / "mg18"))
    with pytest.raises(HubError) as caught:
        run(evaluate, name, "--corpus", "toy", *(folder if word == "HERE" else word for word in arguments))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert peak == []


def test_several_processes_are_not_timed(hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficiency, "process_place", lambda: (0, 2))
    with pytest.raises(InvalidRequest, match="times one process: run it without `accelerate launch`"):
        run(evaluate, "tiny-sd", *COMMON)


@pytest.mark.slow
def test_peak_memory_is_that_of_a_process_that_uses_the_subject_once(hub: LocalHub) -> None:
    use = Use(
        home=home_fields(hub.home), artifact="linguahub/tiny-sd", revision=hub.registry.get("tiny-sd").revision, base="", device="cpu",
        text="a dog", settings={"num_inference_steps": 1},
    )  # fmt: skip
    found = measure_peak(use)
    assert found.device == 0
    assert 50e6 < found.host < 50e9
    with pytest.raises(HubError, match="a process that loads `linguahub/tiny-s` failed .*free some memory") as caught:
        measure_peak(Use(**{**{name: getattr(use, name) for name in Use.__slots__}, "artifact": "linguahub/tiny-s"}))
    assert "\n" not in str(caught.value)
