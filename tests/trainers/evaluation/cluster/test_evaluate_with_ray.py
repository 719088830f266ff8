"""`hub evaluate --engine ray` computes what is missing on a cluster, here one of this machine, and returns the scores of one process."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import ray

from hub.errors import Conflict, InvalidRequest, Unreachable
from hub.local import LocalHub
from tests.builders.training import published_benchmarks as published
from tests.builders.training.commands import json_of, run
from tests.builders.training.counted_images import draw_pairs, interrupt, logs
from trainers.cli import evaluate
from trainers.corpora.columns import Columns
from trainers.evaluation.cluster.evaluate_with_ray import RemoteEvaluation, ResultWorker
from trainers.evaluation.data_task import DataOptions
from trainers.evaluation.results.result_log import ResultLogs

COMMON = ("--device", "cpu", "--steps", "1", "--judge", "emoji-judge", "--benchmark", "mg-18", "--metric", "clip_score")


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """One for all tests of this file: it takes three seconds to start, and each worker three more to import torch."""
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    yield
    ray.shutdown()


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_job_continues_a_stopped_evaluation_and_returns_its_scores(
    hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("tiny-sd", *COMMON, "--lang", "yo", "--data", str(published.mg18(tmp_path / "mg18")))
    with monkeypatch.context() as patch:
        draw_pairs(patch.setattr, [], interrupt, after=4)
        run(evaluate, *command)
    (before,) = logs(hub)
    known = set(json.loads(before.read_text().splitlines()[0])["keys"])
    computed: list[str] = []

    def remove(self: ResultLogs) -> None:
        for path in logs(hub):
            computed.extend(key for line in path.read_text().splitlines() for key in json.loads(line)["keys"])

    with monkeypatch.context() as patch:
        patch.setattr(ResultLogs, "remove", remove)
        found = json_of(capsys, evaluate, *command, "--engine", "ray")
    assert len(computed) == len(set(computed)) == 8, "each prompt once"
    assert known < set(computed)
    here = json_of(capsys, evaluate, *command)
    assert [score["value"] for score in found] == pytest.approx([score["value"] for score in here], abs=2e-2)
    assert [score["source"] for score in found] == [score["source"] for score in here]
    assert logs(hub) == [], "the results are removed, also those of workers"


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_job_returns_the_scores_of_the_lab_that_one_process_returns(
    hub: LocalHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    benchmarks = ("--benchmark", "emoji-generation-8-steps", "--benchmark", "emoji-retrieval")
    command = ("tiny-sd", "--device", "cpu", *benchmarks, "--lang", "yo", "--n", "4")
    here = json_of(capsys, evaluate, *command)

    def compute(*_: object) -> None:
        raise AssertionError("workers compute the results")

    monkeypatch.setattr("trainers.evaluation.results.work.compute_batch", compute)
    found = json_of(capsys, evaluate, *command, "--engine", "ray")
    assert {score["benchmark"] for score in found} == {"emoji-generation-8-steps", "emoji-retrieval"}
    assert [score["value"] for score in found] == pytest.approx([score["value"] for score in here], abs=2e-2)
    assert [score["source"] for score in found] == [score["source"] for score in here]
    assert logs(hub) == []


def test_a_worker_embeds_captions_and_images_and_refuses_scores_without_them(
    hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(published.xtd10(tmp_path / "xtd10"))
    wanted = {
        "benchmarks": ("xtd10",), "splits": (), "languages": ("en",), "corpus": "toy", "columns": Columns(), "count": None, "seed": 0,
        "choice": DataOptions(place=folder),
    }  # fmt: skip
    artifact = hub.registry.get("emoji-judge")
    request = RemoteEvaluation(
        home=hub.home, artifact=str(artifact.name), revision=artifact.revision, base="", device="cpu", wanted=wanted
    )
    expected = json_of(
        capsys, evaluate, "emoji-judge", "--benchmark", "xtd10", "--data", folder, "--lang", "en", "--device", "cpu"
    )
    worker = ResultWorker(request)
    with pytest.raises(
        Unreachable, match="16 results were computed on machines that do not share .* HUB_HOME"
    ) as caught:
        worker.scores(quiet=True)
    assert "\n" not in str(caught.value)
    assert [len(worker(row)["places"]) for row in worker.missing()] == [8, 8]
    assert [score.value for score in ResultWorker(request).scores(quiet=True)] == [each["value"] for each in expected]
    changed = replace(request, revision="0" * 64)
    with pytest.raises(Conflict, match="`linguahub/emoji-judge` has a new revision"):
        ResultWorker(changed)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--engine", "spark"), "unknown engine `spark`: choose local or ray."),
        (
            ("--engine", "ray", "--benchmark", "efficiency"),
            "`efficiency` cannot be divided among workers: use --engine local",
        ),
        (("--engine", "ray", "--benchmark", "mg-18"), "`mg-18` needs its data"),
    ],
)
def test_what_a_cluster_cannot_evaluate_is_refused_before_it_is_started(
    arguments: tuple[str, ...], message: str, hub: LocalHub
) -> None:
    with pytest.raises(InvalidRequest, match="`") as caught:
        run(evaluate, "tiny-sd", "--corpus", "toy", *arguments)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
