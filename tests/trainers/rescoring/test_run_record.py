"""A run record is text that anyone can change: it is compared with its score, and contradictions are reported in one line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.local import LocalHub
from hub.records import Provenance, Score
from tests.builders.training.commands import run
from trainers.cli import evaluate
from trainers.publish_module import publish_scores
from trainers.rescoring.commands import rescore
from trainers.rescoring.run_record import read_record
from trainers.rescoring.trials import trials_of

COMMAND = "hub evaluate m --benchmark mg-18 --split wit --lang yo --n 8 --seed 3 --base sd15"
SOURCE = f"{COMMAND} --data '/my data; new' --judge clip --metric fid --metric kid --steps 7 --force; revision 0123456789ab; H200"
SCORE = Score(
    metric="fid[clip@01234567]", value=7.0, benchmark="mg-18", provenance=Provenance.SELF_REPORTED, source=SOURCE, split="wit",
    language="yo", base="sd15", seed=3,
)  # fmt: skip


def test_a_record_is_read_as_the_command_that_repeats_the_score() -> None:
    record = read_record(SCORE)
    assert (record.problem, record.revision) == ("", "0123456789ab")
    assert (record.get("--data"), record.get("--n"), record.get("--corpus")) == ("/my data; new", "8", "")
    assert record.all("--metric") == ("fid", "kid")
    assert record.measurement == (
        ("--data", "/my data; new"), ("--judge", "clip"), ("--metric", "fid"), ("--metric", "kid"), ("--steps", "7"), ("--force", ""),
    )  # fmt: skip
    assert read_record(replace(SCORE, source=f"{COMMAND}; revision unpublished; x86_64 CPU")).revision == ""


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("measured by hand", "it does not begin with `hub evaluate"),
        (COMMAND, "it does not begin with `hub evaluate …; revision …`"),
        (SOURCE.replace("'", ""), "its command has `data;`"),
        (SOURCE.replace("new'", "new"), "its command cannot be read (no closing quotation)"),
        (SOURCE.replace("wit", "crossmodal"), "its command has `--split crossmodal`, and the score `wit`"),
        (SOURCE.replace("--lang yo", "--lang en"), "its command has `--lang en`, and the score `yo`"),
        (SOURCE.replace("mg-18", "mc-18"), "its command has `--benchmark mc-18`, and the score `mg-18`"),
        (SOURCE.replace("--seed 3", ""), "its command has `--seed (nothing)`, and the score `3`"),
        (SOURCE.replace("--n 8", "--n many"), "its command has `--n many`"),
        (SOURCE.replace("--steps 7", "--steps few"), "its command has `--steps few`"),
        (SOURCE.replace("--force", "--guidance strong"), "its command has `--guidance strong`"),
        (SOURCE.replace("--force", "--push"), "its command has `--push`, which `hub evaluate` does not record"),
        (SOURCE.replace("0123456789ab", "latest"), "it names no revision, but `latest`"),
    ],
)
def test_a_record_that_was_tampered_with_has_a_problem(source: str, problem: str) -> None:
    assert problem in read_record(replace(SCORE, source=source)).problem


def test_the_score_of_a_tampered_record_is_measured_and_the_record_reported_in_one_line(
    hub: LocalHub, capsys: pytest.CaptureFixture[str]
) -> None:
    run(evaluate, "tiny-sd", "--corpus", "toy", "--benchmark", "emoji-retrieval", "--lang", "yo", "--n", "4", "--push")
    artifact = hub.registry.get("tiny-sd")
    (first, *others) = artifact.scores
    missing = first.source.replace(f"revision {first.source.partition('; revision ')[2][:12]}", f"revision {'0' * 12}")
    assert missing != first.source
    changed = [
        replace(first, source=missing, value=0.99, low=0.0, high=1.0),
        *(replace(each, source="trust me") for each in others),
    ]
    publish_scores(artifact, changed, hub)
    capsys.readouterr()
    run(rescore, "tiny-sd", "--lang", "yo")
    told = capsys.readouterr().err.splitlines()
    expected = f"hub: the run record of {first.metric} on emoji-retrieval/seen, yo cannot be true: it is about revision {'0' * 12}"
    assert f"{expected}, which `linguahub/tiny-sd` does not have." in told
    assert any(
        line.startswith(f"hub: the run record of {others[0].metric} on ") and "and 1 more" in line for line in told
    )
    found = {(each.metric, str(each.provenance)): each.value for each in hub.registry.get("tiny-sd").scores}
    assert found[first.metric, "reproduced"] == first.value
    assert found[first.metric, "disputed"] == 0.99


def test_costs_and_means_over_languages_are_not_repeated(hub: LocalHub) -> None:
    artifact = replace(
        hub.registry.get("tiny-sd"),
        scores=tuple(
            replace(SCORE, base="tiny-sd", benchmark=benchmark, metric=metric, language=language)
            for benchmark, metric, language in (
                ("efficiency", "latency_text_to_image[some machine]", "yo"), ("efficiency", "file_size", ""), ("mg-18", "clip_score_mean[j]", ""),
            )
        ),
    )  # fmt: skip
    assert trials_of(artifact, hub) == []


def test_the_command_is_repeated_with_its_number_of_prompts_not_with_the_captions_that_were_counted(
    hub: LocalHub,
) -> None:
    artifact = hub.registry.get("tiny-sd")
    source = SOURCE.replace("sd15", "tiny-sd")
    scores = [replace(SCORE, base="tiny-sd", source=source, sample_size=size) for size in (8, 40)]
    (trial,) = trials_of(replace(artifact, scores=tuple(scores)), hub)
    assert trial.count == 8
    (trial,) = trials_of(replace(artifact, scores=tuple(scores)), hub, most=5)
    assert trial.count == 5
    (trial,) = trials_of(replace(artifact, scores=(replace(scores[1], source="by hand"),)), hub)
    assert trial.count == 40


@pytest.mark.parametrize("option", ["--data", "--judge"])
def test_a_worker_does_not_follow_the_commands_of_strangers(hub: LocalHub, option: str) -> None:
    from trainers.evaluation.data_task import NO_DATA
    from trainers.rescoring.tasks import Tasks

    artifact = hub.registry.get("tiny-sd")
    scores = (replace(SCORE, base="tiny-sd", source=SOURCE.replace("sd15", "tiny-sd")),)
    (trial,) = trials_of(replace(artifact, scores=scores), hub)
    assert trial.record.get(option)
    assert (
        Tasks(hub, NO_DATA, "", follows_commands=False, quiet=True).find(trial)
        == "published benchmarks need --data and --judge"
    )
    followed = Tasks(hub, NO_DATA, "", follows_commands=True, quiet=True).find(trial)
    assert "`/my data; new` is not a local folder" in str(followed)
