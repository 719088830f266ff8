"""`hub evaluate --engine ray` computes what is missing on a cluster, here one of this machine, and returns the scores of one process."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

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

LAB = (
    "tiny-sd", "--device", "cpu", "--benchmark", "emoji-generation-8-steps", "--benchmark", "emoji-retrieval", "--lang", "yo", "--n", "4",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.usefixtures("ray_cluster")
def test_a_job_continues_a_stopped_evaluation_and_returns_the_scores_of_one_process(
    hub: LocalHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[str] = []

    def remove(self: ResultLogs) -> None:
        kept[:] = keys(hub)
        remove_logs(self)

    remove_logs = ResultLogs.remove
    monkeypatch.setattr(ResultLogs, "remove", remove)
    here = json_of(capsys, evaluate, *LAB)
    whole = sorted(kept)
    with monkeypatch.context() as patch:
        draw_pairs(patch.setattr, [], interrupt, after=2)
        run(evaluate, *LAB)
    known = keys(hub)
    assert len(known) == 2

    def compute(*_: object) -> None:
        raise AssertionError("workers compute the results")

    monkeypatch.setattr("trainers.evaluation.results.work.compute_batch", compute)
    found = json_of(capsys, evaluate, *LAB, "--engine", "ray")
    assert sorted(kept) == whole, "each result once"
    assert set(known) < set(kept)
    assert {score["benchmark"] for score in found} == {"emoji-generation-8-steps", "emoji-retrieval"}
    assert [score["value"] for score in found] == pytest.approx([score["value"] for score in here], abs=2e-2)
    assert [score["source"] for score in found] == [score["source"] for score in here]
    assert logs(hub) == [], "the results are removed, also those of workers"


def keys(hub: LocalHub) -> list[str]:
    """Return the keys of all results that are kept."""
    return [key for path in logs(hub) for line in path.read_text().splitlines() for key in json.loads(line)["keys"]]


@pytest.mark.parametrize(
    ("name", "benchmark", "language", "options", "rows"),
    [
        ("emoji-judge", "xtd10", "en", {}, [8, 8]),
        ("tiny-sd", "mg-18", "yo", {"judge": "emoji-judge", "metrics": ("clip_score",), "steps": 1}, [8]),
    ],
)
def test_a_worker_computes_what_is_missing_and_refuses_scores_without_it(
    name: str, benchmark: str, language: str, options: dict[str, Any], rows: list[int],
    hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    make = {"xtd10": published.xtd10, "mg-18": published.mg18}[benchmark]
    choice = DataOptions(place=str(make(tmp_path / benchmark)), **options)
    wanted = {
        "benchmarks": (benchmark,), "splits": (), "languages": (language,), "corpus": "toy", "columns": Columns(), "count": None, "seed": 0,
        "choice": choice,
    }  # fmt: skip
    artifact = hub.registry.get(name)
    sent = RemoteEvaluation(
        home=hub.home, artifact=str(artifact.name), revision=artifact.revision, base="", device="cpu", wanted=wanted
    )
    request = pickle.loads(pickle.dumps(sent))  # as Ray sends it to a worker
    given = [str(word) for option in choice.command_options() for word in option]
    expected = json_of(capsys, evaluate, name, "--benchmark", benchmark, *given, "--lang", language, "--device", "cpu")
    worker = ResultWorker(request)
    with pytest.raises(
        Unreachable, match=f"{sum(rows)} results were computed on machines that do not share .* HUB_HOME"
    ) as caught:
        worker.scores()
    assert "\n" not in str(caught.value)
    assert [len(worker(row)["places"]) for row in worker.missing()] == rows
    found, _ = ResultWorker(request).scores()
    assert [score.value for score in found] == [each["value"] for each in expected]
    assert [score.source for score in found] == [each["source"] for each in expected]
    changed = replace(request, revision="0" * 64)
    with pytest.raises(Conflict, match=f"`linguahub/{name}` has a new revision"):
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
