"""Recall on published captions: against torchmetrics and brute force, in parts, with intervals, and through the command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hub.errors import InvalidRequest
from hub.local import LocalHub
from tests.builders.training import published_benchmarks as published
from tests.builders.training.commands import json_of, run
from trainers.cli import evaluate
from trainers.evaluation import get_benchmark, judge
from trainers.evaluation.captions.caption_benchmark import EmbeddedCaptions, bootstrap
from trainers.loop.sampler import generator_of

IMAGES, CAPTIONS = 40, 120


def embedded(asked: Sequence[int] = range(IMAGES)) -> EmbeddedCaptions:
    """Return random embeddings of 40 images with one to five captions, near enough to their image for hits of every rank."""
    generator = generator_of("captions")
    images_GD = F.normalize(torch.randn(IMAGES, 16, generator=generator), dim=1)
    spare = torch.randint(IMAGES, (CAPTIONS - IMAGES,), generator=generator)
    image_of_N = torch.cat([torch.arange(IMAGES), spare])[torch.randperm(CAPTIONS, generator=generator)]
    captions_ND = F.normalize(images_GD[image_of_N] + 0.5 * torch.randn(CAPTIONS, 16, generator=generator), dim=1)
    return EmbeddedCaptions(captions_ND, images_GD, image_of_N, torch.tensor(list(asked)))


def shares(name: str, found: EmbeddedCaptions) -> dict[str, float]:
    counts = get_benchmark(name).count_hits(found)
    return {metric: bootstrap(counts, [place], 0).value for place, metric in enumerate(counts.names)}


def test_recall_is_the_hit_rate_of_torchmetrics() -> None:
    from torchmetrics.retrieval import RetrievalHitRate

    sides = embedded()
    scores_NG = sides.captions_ND @ sides.images_GD.T
    relevant_NG = sides.image_of_N[:, None] == torch.arange(IMAGES)[None]
    found = shares("xtd10", sides)
    assert 0 < found["text_to_image_recall_at_1"] < found["text_to_image_recall_at_10"] < 1

    def theirs(scores: Tensor, relevant: Tensor, k: int) -> float:
        queries = torch.arange(len(scores))[:, None].expand_as(scores)
        return float(RetrievalHitRate(top_k=k)(scores.flatten(), relevant.flatten(), indexes=queries.flatten()))

    for k in (1, 5, 10):
        assert found[f"text_to_image_recall_at_{k}"] == pytest.approx(theirs(scores_NG, relevant_NG, k))
        assert found[f"image_to_text_recall_at_{k}"] == pytest.approx(theirs(scores_NG.T, relevant_NG.T, k))


def test_mclips_protocol_is_that_of_its_script_by_brute_force() -> None:
    sides = embedded()
    scores_NG = (sides.captions_ND @ sides.images_GD.T).tolist()
    images = sides.image_of_N.tolist()
    wanted = {}
    for k in (1, 5, 10):
        to_image = to_text = 0
        for caption, image in enumerate(images):
            row = scores_NG[caption]
            to_image += image in sorted(range(IMAGES), key=lambda other: -row[other])[:k]
            order = sorted(range(CAPTIONS), key=lambda other: -scores_NG[other][image])
            to_text += image in list(dict.fromkeys(images[other] for other in order))[:k]
        wanted |= {
            f"text_to_image_recall_at_{k}": to_image / CAPTIONS,
            f"image_to_text_recall_at_{k}": to_text / CAPTIONS,
        }
    assert shares("xtd10-mclip", sides) == pytest.approx(wanted)


def test_recall_in_parts_is_that_of_the_whole_and_no_part_is_larger_than_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = {name: shares(name, embedded()) for name in ("xtd10", "xtd10-mclip")}
    sizes: list[int] = []
    matmul = Tensor.__matmul__

    def watched(self: Tensor, other: Tensor) -> Any:
        result = matmul(self, other)
        sizes.append(result.numel())
        return result

    monkeypatch.setattr(judge, "SCORES", 300)
    monkeypatch.setattr(Tensor, "__matmul__", watched)
    parts = {name: shares(name, embedded()) for name in ("xtd10", "xtd10-mclip")}
    assert parts == whole
    assert max(sizes) <= 300


def test_fewer_queries_are_asked_of_the_same_gallery() -> None:
    all_images, some = embedded(), embedded(asked=[3, 7])
    counts = get_benchmark("xtd10").count_hits(some)
    assert counts.queries_GK[:, 0].sum() == torch.isin(all_images.image_of_N, torch.tensor([3, 7])).sum()
    whole = get_benchmark("xtd10").count_hits(all_images)
    assert torch.equal(counts.hits_GK, whole.hits_GK[[3, 7]])


def test_a_dual_encoder_is_evaluated_by_both_protocols_with_intervals(
    hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(published.xflickrco(tmp_path))
    common = ("emoji-judge", "--data", folder, "--lang", "en", "--lang", "de")
    scores = json_of(capsys, evaluate, *common, "--benchmark", "xflickrco", "--benchmark", "xflickrco-mclip")
    found = {(score["benchmark"], score["metric"], score["language"]): score for score in scores}
    assert len(found) == len(scores) == 2 * (2 * 7 + 2 * 7)
    for name in ("xflickrco", "xflickrco-mclip"):
        recalls = [
            found[name, f"{side}_recall_at_{k}", "en"]
            for side in ("text_to_image", "image_to_text")
            for k in (1, 5, 10)
        ]
        assert all(score["low"] <= score["value"] <= score["high"] for score in recalls)
        mean = found[name, "mean_recall", "en"]
        assert mean["value"] == pytest.approx(sum(score["value"] for score in recalls) / 6, abs=1e-6)
        assert mean["low"] < mean["value"] < mean["high"]
        assert found[name, "mean_recall_mean", ""]["value"] == pytest.approx(
            (mean["value"] + found[name, "mean_recall", "de"]["value"]) / 2, abs=1e-6
        )
    assert found["xflickrco", "text_to_image_recall_at_1", "en"]["sample_size"] == 16
    assert found["xflickrco", "image_to_text_recall_at_1", "en"]["sample_size"] == 8
    assert found["xflickrco-mclip", "image_to_text_recall_at_1", "en"]["sample_size"] == 16
    assert (
        f"hub evaluate emoji-judge --benchmark xflickrco --split test --lang en --n 0 --seed 0 --data {folder}"
        in recalls[0]["source"].replace("-mclip", "")
    )


def test_options_that_do_not_fit_retrieval_are_refused_in_one_line(hub: LocalHub, tmp_path: Path) -> None:
    folder = str(published.xtd10(tmp_path))
    for arguments, message in (
        (("tiny-sd",), "`tiny-sd` cannot embed images"),
        (("emoji-judge", "--judge", "emoji-judge"), "takes no --judge"),
        (("emoji-judge", "--lang", "fr"), "has nothing in `fr` here. Available: en, ja."),
    ):
        with pytest.raises(InvalidRequest, match=message) as caught:
            run(evaluate, *arguments, "--benchmark", "xtd10", "--data", folder)
        assert "\n" not in str(caught.value)
