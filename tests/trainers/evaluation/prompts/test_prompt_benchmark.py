"""Any base is evaluated on published prompts: known values, comparisons with English, and what is refused before generating."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from hub.errors import HubError, InvalidRequest, UnknownMetric
from hub.local import LocalHub
from hub.records import Score
from tests.builders.training import published_benchmarks as published
from tests.builders.training.commands import TINY, json_of, run
from trainers.cli import evaluate, train
from trainers.corpora.corpus import Prompt
from trainers.evaluation import get_benchmark
from trainers.evaluation.data_task import DataOptions, DataTask
from trainers.evaluation.evaluator import EvaluationSubject
from trainers.evaluation.prompts.clip_judge import ClipJudge
from trainers.evaluation.prompts.image_results import judge_prompts

WIDTH = 8


class OneHot:
    """A dual encoder that reads what `Drawing` draws: the place of a word in an image's first pixel, or the place of its colour."""

    width = WIDTH
    processor = None

    def text_features(self, texts: Sequence[str]) -> Tensor:
        rows = []
        for text in texts:
            row = torch.full((WIDTH,), 0.01)
            for place, word in enumerate(published.CONCEPTS):
                row[place] = float(word in text)
            rows.append(row)
        return torch.stack(rows)

    def image_features(self, images: Any) -> Tensor:
        if isinstance(images, Tensor):
            places = [int(image[0, 0, 0]) for image in images]
        else:
            places = [published.COLOURS.index(nearest(image)) for image in images]
        return torch.eye(WIDTH + 1)[places][:, :WIDTH] + 0.01


def nearest(image: Image.Image) -> str:
    pixel = image.getpixel((5, 5))
    from PIL import ImageColor

    return min(
        published.COLOURS,
        key=lambda name: sum(abs(a - b) for a, b in zip(ImageColor.getrgb(name), pixel, strict=True)),
    )


class Drawing:
    """A pipeline that draws the words it knows, in the languages it reads, and something else otherwise."""

    device = torch.device("cpu")

    def __init__(self, *languages: str, unknown: Sequence[str] = ()) -> None:
        words = [word for word in published.CONCEPTS if word not in unknown]
        self._known = {published.say(word, tag): published.CONCEPTS.index(word) for tag in languages for word in words}
        self.asked: list[str] = []
        self.settings: dict[str, Any] = {}

    def set_progress_bar_config(self, **settings: Any) -> None: ...

    def __call__(self, prompts: list[str], **settings: Any) -> Any:
        self.asked += prompts
        self.settings = settings
        places = torch.tensor([self._known.get(text, WIDTH) for text in prompts])
        images = (places / 255)[:, None, None, None].expand(-1, 3, 4, 4)
        return type("Answer", (), {"images": images})()


def measured(
    folder: Path,
    pipeline: Drawing,
    plain: Drawing | None = None,
    *,
    name: str = "mg-18",
    language: str = "yo",
    monkeypatch: pytest.MonkeyPatch,
    count: int = 0,
    **choice: Any,
) -> dict[str, Score]:
    """Evaluate with a judge that reads what the pipeline draws; return the scores by metric without the judge."""
    judge = ClipJudge("one-hot", "0123456789abcdef", OneHot())  # type: ignore[arg-type]
    monkeypatch.setattr(ClipJudge, "open", lambda *_: judge)
    benchmark = get_benchmark(name)
    task = DataTask(
        data=benchmark.open(folder, benchmark.splits[0]), split=benchmark.splits[0], language=language, hub=None,
        choice=DataOptions(place=str(folder), judge="one-hot", **choice), count=count, quiet=True,
    )  # type: ignore[arg-type]  # fmt: skip
    subject = EvaluationSubject("drawing", base="tiny-sd", pipeline=pipeline, plain=plain or pipeline)
    scores = benchmark.evaluate(subject, task)
    assert len({score.metric for score in scores}) == len(scores)
    return {score.metric.replace("one-hot@01234567", "judge"): score for score in scores}


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


def test_a_base_that_draws_everything_reaches_the_ceiling_and_full_parity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = measured(published.mg18(tmp_path), Drawing("yo", "en"), monkeypatch=monkeypatch)
    assert found["r_precision_at_1[judge]"].value == found["judge_ceiling_r_precision_at_1[judge]"].value == 1
    assert found["parity_r_precision_at_1[judge]"].value == found["parity_clip_score[judge]"].value == 1
    assert found["clip_score[judge]"].value > 0.9
    assert found["kid[judge]"].value < 0, "an unbiased distance of equal sets"
    assert not any(metric.startswith("english_drop") for metric in found), "a base has no English to lose"


def test_parity_is_the_share_of_the_bases_english_score_with_the_same_prompts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = Drawing("yo", unknown=published.CONCEPTS[:4])  # half of the prompts, and no English
    base = Drawing("en", unknown=published.CONCEPTS[:2])
    found = measured(published.mg18(tmp_path), module, base, monkeypatch=monkeypatch)
    assert found["r_precision_at_1[judge]"].value == 0.5
    assert found["english_base_r_precision_at_1[judge]"].value == 0.75
    parity = found["parity_r_precision_at_1[judge]"]
    assert parity.value == pytest.approx(0.5 / 0.75, abs=1e-6)
    assert 0 <= parity.low < parity.value < parity.high
    drop = found["english_drop_r_precision_at_1[judge]"]
    assert (drop.value, drop.better) == (0.75, "down")


def test_english_images_that_languages_share_are_generated_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, judge = published.mg18(tmp_path), ClipJudge("one-hot", "0" * 16, OneHot())  # type: ignore[arg-type]
    monkeypatch.setattr(ClipJudge, "open", lambda *_: judge)
    benchmark, pipeline = get_benchmark("mg-18"), Drawing("en")
    data = benchmark.open(folder, "crossmodal")
    for language in ("yo", "de"):
        task = DataTask(
            data=data, split="crossmodal", language=language, hub=None, choice=DataOptions(place="x", judge="x"), quiet=True,
        )  # type: ignore[arg-type]  # fmt: skip
        benchmark.evaluate(EvaluationSubject("drawing", pipeline=pipeline, plain=pipeline), task)
    assert len(pipeline.asked) == 3 * 8
    assert len(set(pipeline.asked)) == len(pipeline.asked)


def test_the_pipelines_own_settings_are_used_unless_others_are_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = Drawing("yo")
    measured(published.mg18(tmp_path), pipeline, monkeypatch=monkeypatch)
    assert not {"num_inference_steps", "guidance_scale"} & set(pipeline.settings)
    measured(published.mg18(tmp_path), pipeline, monkeypatch=monkeypatch, steps=7, guidance=4.5)
    assert (pipeline.settings["num_inference_steps"], pipeline.settings["guidance_scale"]) == (7, 4.5)


def test_a_frechet_distance_of_too_few_images_is_refused_unless_forced_and_then_labelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, pipeline = published.mg18(tmp_path), Drawing("yo")
    with pytest.raises(InvalidRequest, match="8 images are too few for features of width 8, .* at least 9") as caught:
        measured(folder, pipeline, monkeypatch=monkeypatch, metrics=("fid",))
    assert "\n" not in str(caught.value)
    assert pipeline.asked == [], "refused before anything was generated"
    forced = measured(folder, pipeline, monkeypatch=monkeypatch, metrics=("fid",), force=True)
    assert set(forced) == {"fid[judge; n<9]", "fid_floor[judge; n<9]"}
    assert forced["fid[judge; n<9]"].better == "down"
    assert forced["fid[judge; n<9]"].low is None
    assert "fid[judge]" not in measured(folder, pipeline, monkeypatch=monkeypatch)


def test_the_culture_score_is_the_share_of_images_nearest_to_their_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Cultures(OneHot):
        def text_features(self, texts: Sequence[str]) -> Tensor:
            german = torch.tensor([float("German-speaking" in text) for text in texts])
            features = super().text_features(texts)
            features[:, -1] = german  # what the pipeline below draws for German prompts
            return features

    class German(Drawing):
        def __call__(self, prompts: list[str], **settings: Any) -> Any:
            images = torch.full((len(prompts), 3, 4, 4), (WIDTH - 1) / 255)
            return type("Answer", (), {"images": images})()

    folder = published.mc18(tmp_path)
    judge = ClipJudge("cultures", "0" * 16, Cultures())  # type: ignore[arg-type]
    monkeypatch.setattr(ClipJudge, "open", lambda *_: judge)
    for language, wanted in (("de", 1.0), ("zh", 0.0)):
        benchmark, pipeline = get_benchmark("mc-18"), German()
        task = DataTask(
            data=benchmark.open(folder, "test"), split="test", language=language, hub=None,
            choice=DataOptions(place="x", judge="x", metrics=("culture_score",)), quiet=True,
        )  # type: ignore[arg-type]  # fmt: skip
        scores = benchmark.evaluate(EvaluationSubject("german", pipeline=pipeline, plain=pipeline), task)
        assert [(score.metric, score.value) for score in scores] == [("culture_score[cultures@00000000]", wanted)]


def test_text_accuracy_compares_what_tesseract_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hub: LocalHub
) -> None:
    program = tmp_path / "bin/tesseract"
    program.parent.mkdir()
    program.write_text(
        '#!/bin/sh\nif [ "$1" = --list-langs ]; then echo deu; else cat > /dev/null; echo " GEÖFFNET "; fi\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    folder = published.lingt2i(tmp_path / "lingt2i")
    arguments = (
        "tiny-sd",
        "--benchmark",
        "lingt2i",
        "--split",
        "text_rendering",
        "--data",
        str(folder),
        "--judge",
        "emoji-judge",
    )
    arguments += ("--steps", "1", "--metric", "text_accuracy", "--json")
    run(evaluate, *arguments, "--lang", "de")
    with pytest.raises(
        InvalidRequest, match="tesseract has no file for English .eng.: install it .* tesseract-ocr-eng"
    ):
        run(evaluate, *arguments, "--lang", "en")
    program.unlink()
    with pytest.raises(InvalidRequest, match="text accuracy needs the program tesseract, which is not installed"):
        run(evaluate, *arguments, "--lang", "de")


def test_the_text_in_an_image_is_found_or_partly_found() -> None:
    from trainers.evaluation.prompts.read_text import plain_text, similarity, trained_file

    assert plain_text(" ＯＰＥＮ\n now ") == plain_text("Open now")
    assert similarity("kitten", "sitting") == pytest.approx(1 - 3 / 7)
    assert (similarity("", "x"), similarity("X ", "x")) == (0, 1)
    assert [trained_file(tag) for tag in ("de", "zh", "yo", "sr-Latn")] == ["deu", "chi_sim", "yor", "srp_latn"]


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")
def test_tesseract_reads_a_clear_text() -> None:
    import numpy as np
    from PIL import ImageDraw, ImageFont

    from trainers.evaluation.prompts.read_text import plain_text, text_reader

    image = Image.new("RGB", (320, 96), "white")
    ImageDraw.Draw(image).text((20, 20), "OPEN", "black", ImageFont.load_default(48))
    assert plain_text(text_reader("en")(torch.from_numpy(np.array(image)).permute(2, 0, 1))) == "open"


def test_results_of_parts_of_a_list_are_those_of_the_whole(hub: LocalHub, base_folder: Path) -> None:
    from diffusers import StableDiffusionPipeline

    pipeline, judge = StableDiffusionPipeline.from_pretrained(base_folder), ClipJudge.open("emoji-judge", hub)
    prompts = [Prompt(word, "en", word, word) for word in ("dog", "cat", "sun")]

    def features(chosen: Sequence[Prompt]) -> list[Tensor]:
        results = judge_prompts(pipeline, chosen, judge, seed=3, settings={"num_inference_steps": 2}, quiet=True)
        return [result.features_D for result in results]

    whole, parts = features(prompts), [*features(prompts[2:]), *features(prompts[:2])]
    # One level of a pixel in 255 may differ between batches, which a random judge sees.
    assert torch.allclose(torch.stack(whole), torch.stack([*parts[1:], parts[0]]), atol=2e-2)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("--benchmark", "mg-81"), HubError, "Available: coco-crola, corpus-prompts, crossmodal-3600, "),
        (("--benchmark", "mg-18", "--judge", "emoji-judge"), InvalidRequest, "`mg-18` needs its data: pass --data FOLDER with crossmodal_LANGUAGE.json"),
        (("--benchmark", "mg-18", "--data", "HERE"), InvalidRequest, "`mg-18` needs a judge"),
        (("--benchmark", "mg-18", "--data", "HERE", "--judge", "tiny-sd"), InvalidRequest, "is of kind base and cannot judge"),
        (("--benchmark", "mg-18", "--data", "HERE", "--judge", "emoji-judge", "--lang", "fr"), InvalidRequest, "has nothing in `fr` here. Available: de, en, yo."),
        (("--benchmark", "mg-18", "--data", "HERE", "--judge", "emoji-judge", "--split", "test"), InvalidRequest, "no split called `test`. Available: crossmodal, wit."),
        (("--benchmark", "mg-18", "--data", "HERE", "--judge", "emoji-judge", "--metric", "is"), UnknownMetric, "no metric is called `is`"),
        (("--benchmark", "mg-18", "--data", "HERE", "--judge", "emoji-judge", "--metric", "english_drop"), InvalidRequest, "the subject is a base, not a module"),
        (("--benchmark", "mg-18", "--data", "HERE", "--judge", "emoji-judge", "--metric", "culture_score"), InvalidRequest, "not about the culture"),
        (("--benchmark", "emoji-generation", "--judge", "emoji-judge"), InvalidRequest, "takes no --judge"),
        (("--data", "HERE"), InvalidRequest, "`emoji-generation` takes no --data"),
        (("--benchmark", "xtd10", "--data", "HERE"), InvalidRequest, "there is no file `test_image_names.txt`"),
    ],
)  # fmt: skip
def test_an_invalid_evaluation_is_refused_in_one_line(
    arguments: Sequence[str], error: type[HubError], message: str, hub: LocalHub, tmp_path: Path
) -> None:
    folder = str(published.mg18(tmp_path / "mg18"))
    with pytest.raises(error) as caught:
        run(evaluate, "tiny-sd", "--n", "4", *(folder if word == "HERE" else word for word in arguments))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_scores_of_a_published_benchmark_are_repeated_with_its_data_and_judge(
    hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from trainers.rescoring.commands import rescore

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
    with pytest.raises(InvalidRequest, match="published benchmarks need --data and --judge"):
        run(rescore, "tiny-sd", "--lang", "yo", "--json")
    outcomes = json_of(capsys, rescore, "tiny-sd", "--lang", "yo", *where)
    assert [each["agrees"] for each in outcomes if each["metric"].startswith("clip_score")] == [True]
    (folder / "images/dog.jpg").write_bytes((folder / "images/cat.jpg").read_bytes())
    with pytest.raises(InvalidRequest, match="is on data that this hub has"):
        run(rescore, "tiny-sd", "--lang", "yo", "--json", *where)


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
    with pytest.raises(InvalidRequest, match="no split is called `test`. Available: seen, pairs, languages"):
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
    assert (
        f"{' '.join(where)} --held-out-share 0.0 --judge emoji-judge --metric clip_score --steps 1"
        in scores[0]["source"]
    )


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
