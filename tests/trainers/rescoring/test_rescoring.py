"""`hub rescore` and `hub worker evaluate` on tiny models: push a module, repeat its scores, see the badge."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from hub.cards import read_card, write_card
from hub.errors import InvalidRequest
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.publish import publish
from hub.records import Provenance, Query, Score
from server import create_app
from tests.builders import ROOT
from tests.builders.training.commands import TINY, json_of, run
from tests.builders.training.toy import complete
from trainers.cli import train
from trainers.rescoring import evaluate_pushed as module
from trainers.rescoring.commands import rescore
from trainers.rescoring.evaluate_pushed import EVALUATE, Limits, evaluate_pushed

LIMITS = Limits(timeout_s=120, memory_bytes=0, prompts=4, trials=2)
BADGE = '<span class="badge reproduced"'


@pytest.fixture(scope="module")
def installed(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installation of `hub`, with a module that was trained, pushed as `local/token-kd-yo`, and has scores in its card."""
    root = tmp_path_factory.mktemp("pushed")
    with pytest.MonkeyPatch.context() as patch:
        complete(installed, root, patch)
        run(train, "token-kd", "--lang", "yo", *TINY, "--push", "--n", "4")
    return root


@pytest.fixture
def pushed(hub: LocalHub) -> Path:
    """The folder that was pushed."""
    return hub.home.folder / "runs" / "token-kd-yo" / "token-kd-yo"


def claimed(folder: Path, name: str, hub: LocalHub, value: float) -> None:
    """Publish a copy of the folder whose card claims `value` for everything that it claims."""
    card = read_card(folder, ArtifactName.parse(name, ""))
    changed = [
        replace(score, value=value, low=0.0, high=1.0) if "precision" in score.metric else score
        for score in card.scores
    ]
    write_card(replace(card, scores=tuple(changed)), folder)
    publish(folder, ArtifactName.parse(name, ""), hub.registry, hub.store)


def best(hub: LocalHub, name: str) -> list[tuple[str, float]]:
    scores = [
        score for score in hub.registry.get(name).scores if score.metric == "r_precision_at_1" and score.split == "seen"
    ]
    return [(str(score.provenance), score.value) for score in scores if score.language == "yo"]


def test_a_pushed_module_is_rescored_and_gets_the_badge(
    pushed: Path, hub: LocalHub, capsys: pytest.CaptureFixture[str]
) -> None:
    [(provenance, value)] = best(hub, "token-kd-yo")
    assert provenance == "self-reported"
    with TestClient(create_app(hub)) as client:
        assert BADGE not in client.get("/local/token-kd-yo").text
        run(rescore, "token-kd-yo", "--lang", "yo", "--split", "seen", "--device", "cpu")
        out = capsys.readouterr().out
        assert f"; the card says {value:.4g}\n" in out
        assert "disputed" not in out
        assert best(hub, "token-kd-yo") == [("reproduced", value)]
        assert BADGE in client.get("/local/token-kd-yo").text
        [item] = client.get("/api/v1/search", params={"lang": "yo"}).json()["items"]
        assert item["scores"][0]["provenance"] == "reproduced"
    [entry] = hub.registry.find(Query(metric="r_precision_at_1", sort="metric")).items
    assert str(entry.name) == "local/token-kd-yo"


def test_a_copy_with_a_better_number_is_disputed_and_ranks_by_its_measured_score(
    pushed: Path, hub: LocalHub, capsys: pytest.CaptureFixture[str]
) -> None:
    [(_, value)] = best(hub, "token-kd-yo")
    run(rescore, "token-kd-yo", "--lang", "yo", "--split", "seen", "--device", "cpu")
    claimed(pushed, "eve/token-kd-yo", hub, 0.9999)
    assert [each.name.owner for each in hub.registry.find(Query(language="yo")).items] == ["local", "eve"]
    capsys.readouterr()
    outcomes = json_of(capsys, rescore, "eve/token-kd-yo", "--lang", "yo", "--split", "seen", "--device", "cpu")
    first = next(each for each in outcomes if each["metric"] == "r_precision_at_1")
    assert (first["value"], first["claimed"], first["agrees"]) == (value, 0.9999, False)
    assert best(hub, "eve/token-kd-yo") == [("reproduced", value), ("disputed", 0.9999)]


def test_scores_that_cannot_be_repeated_are_reported_before_anything_is_loaded(hub: LocalHub, pushed: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"no such score that can be repeated.*hub evaluate token-kd-yo --push"):
        run(rescore, "token-kd-yo", "--lang", "sw")
    with pytest.raises(InvalidRequest, match="no such score"):
        run(rescore, "tiny-sd")


@pytest.fixture
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let child processes find the corpus `toy`, as an installed package would add it, and import without looking for garbage."""
    package = tmp_path / "packages" / "toy-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[hub.corpora]\ntoy = tests.builders.training.toy:ToyCorpus\n")
    (package.parent / "sitecustomize.py").write_text("import gc\n\ngc.disable()\n")
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(package.parent), str(ROOT), os.environ.get("PYTHONPATH", "")])
    )


@pytest.mark.usefixtures("apart")
def test_the_worker_evaluates_pushed_modules_in_a_process_with_limits(pushed: Path, hub: LocalHub) -> None:
    [(_, value)] = best(hub, "token-kd-yo")
    stopped = threading.Event()
    assert evaluate_pushed(hub, replace(LIMITS, memory_bytes=1 << 27), stopped, 1, once=True) == 1
    [job] = [job for job in hub.registry.jobs() if job.task == EVALUATE]
    assert "memory" in job.error or "status" in job.error
    assert best(hub, "token-kd-yo") == [("self-reported", value)]
    hub.registry.database.execute("DELETE FROM outbox")
    assert evaluate_pushed(hub, replace(LIMITS, timeout_s=0.5), stopped, 1, once=True) == 1
    [job] = [job for job in hub.registry.jobs() if job.task == EVALUATE]
    assert job.error == "the evaluation took longer than 0.5 s."
    hub.registry.database.execute("DELETE FROM outbox")
    assert evaluate_pushed(hub, LIMITS, stopped, 1, once=True) == 1
    assert best(hub, "token-kd-yo") == [("reproduced", value)]
    assert [job for job in hub.registry.jobs() if job.task == EVALUATE] == []
    assert evaluate_pushed(hub, LIMITS, stopped, 1, once=True) == 0, "there is nothing left to do"


def test_the_worker_leaves_scores_on_bases_of_strangers_alone(
    pushed: Path, hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainers.rescoring.trials.CURATED_OWNER", "nobody")
    assert evaluate_pushed(hub, LIMITS, threading.Event(), 1, once=True) == 1
    [job] = [job for job in hub.registry.jobs() if job.task == EVALUATE]
    assert job.given_up_at is not None
    assert "no score of `local/token-kd-yo` is on a curated base" in job.error
    assert evaluate_pushed(hub, LIMITS, threading.Event(), 1, once=True) == 0, (
        "what was given up is not asked for again"
    )


def test_a_revision_that_was_replaced_meanwhile_is_not_recorded(
    pushed: Path, hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    score = next(score for score in hub.registry.get("token-kd-yo").scores if score.metric == "r_precision_at_1")

    def measured(*_: Any) -> tuple[list[Score], str]:
        claimed(pushed, "local/token-kd-yo", hub, 0.5)
        return [score], ""

    monkeypatch.setattr(module, "_measure_apart", measured)
    task = module.evaluation_task(hub, LIMITS, threading.Event())
    revision = hub.registry.get("token-kd-yo").revision
    module.request_once(hub.registry.database, EVALUATE, revision, {"artifact": "local/token-kd-yo"})
    module.run_due(hub.registry.database, [task])
    provenances = {each.provenance for each in hub.registry.get("token-kd-yo").scores}
    assert Provenance.REPRODUCED not in provenances
