"""Any base is evaluated on published prompts: known values, comparisons with English, and what is refused before generating."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from hub.errors import InvalidRequest
from hub.local import LocalHub
from hub.records import Score
from tests.builders.training import published_benchmarks as published
from trainers.corpora.corpus import Prompt
from trainers.evaluation import get_benchmark
from trainers.evaluation.data_task import DataOptions, DataTask
from trainers.evaluation.evaluator import EvaluationSubject
from trainers.evaluation.prompts.clip_judge import ClipJudge
from trainers.evaluation.prompts.image_results import judge_prompts

WIDTH = 8


class OneHot:
    """A dual encoder that reads the images of `Drawing`: the place of a word in an image's first pixel, or the place of its colour."""

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
    """A pipeline whose images show the known words, in its languages, and something else otherwise."""

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
    """Evaluate with a judge that reads the images of the pipeline; return the scores by metric without the judge."""
    judge = ClipJudge("one-hot", "0123456789abcdef", OneHot())  # type: ignore[arg-type]
    monkeypatch.setattr(ClipJudge, "open", lambda *_: judge)
    benchmark = get_benchmark(name)
    data = benchmark.open(folder, benchmark.splits[0])
    task = DataTask(
        data=data, digest=data.digest(language), split=benchmark.splits[0], language=language, hub=None,
        choice=DataOptions(place=str(folder), judge="one-hot", **choice), count=count, quiet=True,
    )  # type: ignore[arg-type]  # fmt: skip
    subject = EvaluationSubject("drawing", base="tiny-sd", pipeline=pipeline, plain=plain or pipeline)
    scores = benchmark.evaluate(subject, task)
    assert len({score.metric for score in scores}) == len(scores)
    return {score.metric.replace("one-hot@01234567", "judge"): score for score in scores}


def test_a_perfect_base_reaches_the_ceiling_and_full_parity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
            data=data, digest="", split="crossmodal", language=language, hub=None, choice=DataOptions(place="x", judge="x"), quiet=True,
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
            data=benchmark.open(folder, "test"), digest="", split="test", language=language, hub=None,
            choice=DataOptions(place="x", judge="x", metrics=("culture_score",)), quiet=True,
        )  # type: ignore[arg-type]  # fmt: skip
        scores = benchmark.evaluate(EvaluationSubject("german", pipeline=pipeline, plain=pipeline), task)
        assert [(score.metric, score.value) for score in scores] == [("culture_score[cultures@00000000]", wanted)]


def test_results_of_parts_of_a_list_are_those_of_the_whole(hub: LocalHub, base_folder: Path) -> None:
    from diffusers import StableDiffusionPipeline

    pipeline, judge = StableDiffusionPipeline.from_pretrained(base_folder), ClipJudge.open("emoji-judge", hub)
    prompts = [Prompt(word, "en", word, word) for word in ("dog", "cat", "sun")]

    def features(chosen: Sequence[Prompt]) -> list[Tensor]:
        results = judge_prompts(pipeline, chosen, judge, seed=3, settings={"num_inference_steps": 2})
        return [result.features_D for result in results]

    whole, parts = features(prompts), [*features(prompts[2:]), *features(prompts[:2])]
    # One level of a pixel in 255 may differ between batches, which a random judge sees.
    assert torch.allclose(torch.stack(whole), torch.stack([*parts[1:], parts[0]]), atol=2e-2)
