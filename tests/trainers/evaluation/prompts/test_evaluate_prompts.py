"""`hub evaluate` and `hub rescore` on published prompts and on a corpus, with the real parts at a tiny size."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hub import plugins
from hub.cards import Card, write_card
from hub.errors import HubError, InvalidRequest, UnknownBenchmark, UnknownMetric
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.publish import publish
from hub.records import Provenance, Score
from tests.builders.training import published_benchmarks as published
from tests.builders.training.commands import TINY, json_of, run
from trainers.cli import evaluate, train
from trainers.evaluation import GROUP
from trainers.evaluation.data_folder import DataFolder, read_lines
from trainers.evaluation.prompts.prompt_benchmark import PromptBenchmark
from trainers.evaluation.prompts.prompt_set import BenchmarkPrompt, PromptSet
from trainers.publish_module import publish_scores
from trainers.rescoring.commands import rescore


def test_a_base_is_evaluated_end_to_end_on_a_corpus_in_the_format_of_mg_18(
    hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, kept = published.mg18(tmp_path / "mg18"), tmp_path / "kept"
    common = ("tiny-sd", "--benchmark", "mg-18", "--data", str(folder), "--judge", "emoji-judge", "--steps", "2")
    scores = json_of(capsys, evaluate, *common, "--lang", "yo", "--lang", "de", "--n", "5", "--keep", str(kept))
    label = next(score["metric"] for score in scores).partition("[")[2].rstrip("]")
    assert label == f"emoji-judge@{hub.registry.get('emoji-judge').weights_digest[:8]}"
    found = {(score["metric"].partition("[")[0], score["language"]): score for score in scores}
    for metric in ("r_precision_at_1", "r_precision_at_10", "clip_score", "kid", "english_base_clip_score"):
        for language in ("yo", "de"):
            score = found[metric, language]
            assert score["low"] <= score["value"] <= score["high"], metric
            assert (score["sample_size"], score["split"], score["base"]) == (5, "crossmodal", "tiny-sd")
            assert len(score["benchmark_digest"]) == 64
    assert ("fid", "yo") not in found, "5 images are fewer than the judge has features"
    source = found["clip_score", "yo"]["source"]
    assert f"--data {folder} --judge emoji-judge --steps 2" in source
    assert f"judge emoji-judge {hub.registry.get('emoji-judge').weights_digest}" in source
    assert "images resized by CLIPImageProcessorPil shortest_edge 32" in source
    mean = found["clip_score_mean", ""]
    values = [found["clip_score", tag]["value"] for tag in ("yo", "de")]
    assert mean["value"] == pytest.approx(sum(values) / 2, abs=1e-6)
    assert found["clip_score_std", ""]["value"] == pytest.approx(abs(values[0] - values[1]) / 2, abs=1e-6)
    assert len(list((kept / "mg-18/crossmodal/yo").glob("*.png"))) == 5
    assert len(list((kept / "mg-18/crossmodal/english-base").glob("*.png"))) == 5, "both languages share English images"
    again = json_of(capsys, evaluate, *common, "--lang", "yo", "--n", "5")
    assert [score["value"] for score in again] == [score["value"] for score in scores if score["language"] == "yo"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("--benchmark", "mg-81"), HubError, "Available: coco-crola, corpus-prompts, crossmodal-3600, "),
        (("--benchmark", "mg-18", "--judge", "emoji-judge"), InvalidRequest, "`mg-18` needs its data: pass --data FOLDER with crossmodal_LANGUAGE.json"),
        (("--benchmark", "mg-18", "--data", "HERE"), InvalidRequest, "`mg-18` needs a judge"),
        (("--benchmark", "mg-18", "--data", "HERE", "--judge", "tiny-sd"), InvalidRequest, "is of kind base and cannot judge"),
        (("--benchmark", "mg-18", "--data", "HERE", "--judge", "emoji-judge", "--lang", "fr"), InvalidRequest, "has nothing in `fr` here. Available: de, en, yo."),
        (("--benchmark", "mg-18", "--data", "HERE", "--judge", "emoji-judge", "--split", "test"), InvalidRequest, "has no split `test`. Available: crossmodal, wit."),
        (("--benchmark", "mg-18", "--data", "HERE", "--judge", "emoji-judge", "--metric", "is"), UnknownMetric, "no metric is called `is`"),
        (("--benchmark", "mg-18", "--data", "HERE", "--judge", "emoji-judge", "--metric", "english_drop"), InvalidRequest, "the subject is a base, not a module"),
        (("--benchmark", "mg-18", "--data", "HERE", "--judge", "emoji-judge", "--metric", "culture_score"), InvalidRequest, "not about the culture"),
        (("--benchmark", "emoji-generation", "--judge", "emoji-judge"), InvalidRequest, "takes no --judge"),
        (("--data", "HERE"), InvalidRequest, "`emoji-generation` takes no --data"),
        (("--benchmark", "mg-18", "--data", "HERE", "--judge", "HERE"), InvalidRequest, "has no config.json: pass the folder of a dual encoder"),
        (("--benchmark", "mg-18", "--data", "HERE", "--judge", "emoji-judge", "--keep", "FILE"), InvalidRequest, "images cannot be kept in"),
        (("--benchmark", "mg-18", "--data", "HERE", "--judge", "emoji-judge", "--base", "emoji-judge"), InvalidRequest, "`tiny-sd` is a base itself"),
        (("--benchmark", "corpus-prompts", "--data", "HERE", "--judge", "emoji-judge"), InvalidRequest, "`corpus-prompts` takes no --data: it reads --corpus"),
        (("--benchmark", "xtd10", "--data", "HERE"), InvalidRequest, "there is no file `test_image_names.txt`"),
    ],
)  # fmt: skip
def test_an_invalid_evaluation_is_refused_in_one_line(
    arguments: Sequence[str], error: type[HubError], message: str, hub: LocalHub, tmp_path: Path
) -> None:
    folder = published.mg18(tmp_path / "mg18")
    words = {"HERE": str(folder), "FILE": str(folder / "images/dog.jpg")}
    with pytest.raises(error) as caught:
        run(evaluate, "tiny-sd", "--n", "4", *(words.get(word, word) for word in arguments))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("command", [evaluate, rescore])
def test_a_revision_cannot_be_chosen_because_scores_are_those_of_the_current_one(command: Any, hub: LocalHub) -> None:
    with pytest.raises(InvalidRequest, match="`tiny-sd@0000000` names a revision, .* leave `@0000000` out"):
        run(command, "tiny-sd@0000000")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("encoder", "the weights of `bare` are not published"),
        ("adapter", "the weights of `bare` are not published"),
    ],
)
def test_an_artifact_with_only_a_card_is_refused_with_the_next_command(
    name: str, message: str, hub: LocalHub, tmp_path: Path
) -> None:
    card = Card(
        kind=name,
        summary="Only a card.",
        license="Apache-2.0",
        languages=("yo",),
        method="mulan",
        bases=("linguahub/tiny-sd",),
        prose="# bare",
    )
    write_card(card, tmp_path / "bare")
    publish(tmp_path / "bare", ArtifactName("local", "bare"), hub.registry, hub.store)
    with pytest.raises(InvalidRequest) as caught:
        run(evaluate, "bare", "--corpus", "toy", "--lang", "yo")
    assert message in str(caught.value)


def test_scores_of_a_published_benchmark_are_repeated_with_its_data_and_judge(
    hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = published.mg18(tmp_path / "mg18")
    where = ("--data", str(folder), "--judge", "emoji-judge", "--steps", "1")
    json_of(
        capsys,
        evaluate,
        "tiny-sd",
        "--benchmark",
        "mg-18",
        *where,
        "--lang",
        "yo",
        "--n",
        "4",
        "--metric",
        "clip_score",
        "--push",
    )
    outcomes = json_of(capsys, rescore, "tiny-sd", "--lang", "yo")
    assert [each["agrees"] for each in outcomes] == [True], "the stored command is repeated, with its data and judge"
    assert "--steps 1" in outcomes[0]["source"]
    moved = folder.rename(tmp_path / "moved")
    with pytest.raises(InvalidRequest, match="no score of .* can be repeated here: `.*mg18` is not a local folder"):
        run(rescore, "tiny-sd", "--lang", "yo", "--json")
    again = json_of(capsys, rescore, "tiny-sd", "--lang", "yo", "--data", str(moved))
    assert [each["value"] for each in again] == [each["value"] for each in outcomes]
    (moved / "images/dog.jpg").write_bytes((moved / "images/cat.jpg").read_bytes())
    with pytest.raises(InvalidRequest, match="that of `.*moved` has another digest"):
        run(rescore, "tiny-sd", "--lang", "yo", "--json", "--data", str(moved))


def test_a_corpus_is_evaluated_with_any_judge(hub: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    common = ("tiny-sd", "--benchmark", "corpus-prompts", "--judge", "emoji-judge", "--lang", "yo", "--steps", "1")
    scores = json_of(
        capsys,
        evaluate,
        *common,
        "--corpus",
        "toy",
        "--split",
        "pairs",
        "--split",
        "seen",
        "--n",
        "4",
        "--metric",
        "r_precision",
    )
    found = {(score["metric"].partition("[")[0], score["split"]): score for score in scores}
    assert found["r_precision_at_1", "pairs"]["sample_size"] == 2
    assert found["judge_ceiling_r_precision_at_10", "seen"]["sample_size"] == 4
    assert found["r_precision_at_1", "seen"]["benchmark_digest"] == "0" * 64
    with pytest.raises(InvalidRequest, match="unknown split `test`. Available: seen, pairs, languages"):
        run(evaluate, *common, "--corpus", "toy", "--split", "test")


def test_a_corpus_of_ones_own_images_is_named_in_the_command_that_repeats_a_score(
    hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    published.write_images(tmp_path / "mine", [f"{word}.png" for word in published.CONCEPTS])
    rows = [
        {"file_name": f"{word}.png", "text": published.say(word, "en"), "text_de": published.say(word, "de")}
        for word in published.CONCEPTS
    ]
    published.write_rows(tmp_path / "mine/metadata.jsonl", rows)
    where = ("--corpus", str(tmp_path / "mine"), "--caption-column", "en=text", "--caption-column", "de=text_de")
    scores = json_of(
        capsys, evaluate, "tiny-sd", "--benchmark", "corpus-prompts", *where, "--held-out-share", "0", "--judge", "emoji-judge",
        "--lang", "de", "--steps", "1", "--metric", "clip_score",
    )  # fmt: skip
    assert [score["sample_size"] for score in scores] == [8]
    options = f"{' '.join(where)} --held-out-share 0.0 --judge emoji-judge --metric clip_score --steps 1"
    assert options in scores[0]["source"]
    publish_scores(hub.registry.get("tiny-sd"), [Score(**{**scores[0], "provenance": Provenance.SELF_REPORTED})], hub)
    outcomes = json_of(capsys, rescore, "tiny-sd")
    assert [(each["value"], each["agrees"]) for each in outcomes] == [(scores[0]["value"], True)]
    assert options in outcomes[0]["source"]
    (tmp_path / "mine").rename(tmp_path / "moved")
    with pytest.raises(InvalidRequest, match="can be repeated here: .*; --corpus names another place"):
        run(rescore, "tiny-sd")
    again = json_of(capsys, rescore, "tiny-sd", "--corpus", str(tmp_path / "moved"))
    assert again[0]["value"] == scores[0]["value"]


def test_a_module_is_compared_with_its_base_in_english(
    hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(train, "token-kd", "--lang", "yo", *TINY, "--no-evaluate", "--push")
    folder = str(published.mg18(tmp_path / "mg18"))
    scores = json_of(
        capsys, evaluate, "token-kd-yo", "--benchmark", "mg-18", "--data", folder, "--judge", "emoji-judge", "--steps", "1",
        "--n", "4", "--metric", "clip_score", "--metric", "parity", "--metric", "english_drop", "--push",
    )  # fmt: skip
    found = {score["metric"].partition("[")[0]: score for score in scores}
    assert {score["language"] for score in scores} == {"yo"}, "the module's own language is chosen"
    share = found["clip_score"]["value"] / found["english_base_clip_score"]["value"]
    assert found["parity_clip_score"]["value"] == pytest.approx(share, abs=1e-4)
    assert found["english_drop_clip_score"]["base"] == "tiny-sd"
    card = hub.registry.get("token-kd-yo").scores
    assert {score.metric for score in card} == {score["metric"] for score in scores}


class Menus(PromptBenchmark):
    """Another package's benchmark: one prompt per line, in Yoruba, with an English meaning after a tab."""

    name = "menus"
    layout = "menu.tsv"

    def read(self, folder: DataFolder, split: str) -> PromptSet:
        pairs = [line.split("\t") for line in read_lines(folder.get("menu.tsv"))]
        prompts = [BenchmarkPrompt(text, "yo", meaning, meaning) for text, meaning in pairs]
        return PromptSet(self.name, split, {"yo": prompts}, folder)


def test_another_package_adds_a_benchmark_through_the_entry_point_group(
    hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    point = EntryPoint("menus", "menus_of_another_package:Menus", GROUP)
    monkeypatch.setitem(sys.modules, "menus_of_another_package", SimpleNamespace(Menus=Menus))
    theirs = plugins.advertised
    monkeypatch.setattr(plugins, "advertised", lambda group: {"menus": point} if group == GROUP else theirs(group))
    published.write_lines(tmp_path / "menu.tsv", ["búrẹ́dì\tbread", "omi\twater", "ẹja\tfish"])
    scores = json_of(
        capsys, evaluate, "tiny-sd", "--benchmark", "menus", "--data", str(tmp_path), "--judge", "emoji-judge", "--lang", "yo",
        "--steps", "1", "--metric", "clip_score",
    )  # fmt: skip
    assert [(score["benchmark"], score["split"], score["sample_size"]) for score in scores] == [("menus", "test", 3)]
    with pytest.raises(UnknownBenchmark, match="Available: .*menus"):
        run(evaluate, "tiny-sd", "--benchmark", "menu")
