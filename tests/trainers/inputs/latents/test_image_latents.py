"""Latents of crops are those of the crops, in batches of one shape, and SDXL gets their true sizes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from hub.bases.frozen import FrozenBase
from hub.encoders.text_encoder import TextEncoder
from hub.errors import DoesNotFit
from tests.builders.training.shaped_images import draw_image, number_of, shaped_features, shaped_folder, size_of
from trainers.inputs.feature_cache import key_of, list_cached
from trainers.inputs.features import FeatureDataset
from trainers.inputs.latents.cropping import Cropping
from trainers.loop.method import Draw
from trainers.loop.sampler import GroupedSampler, generator_of
from trainers.methods import get_plan

CPU = torch.device("cpu")
ALL = Cropping(random_crops=3, random_flip=True, aspect_buckets=True)


@pytest.fixture(scope="module")
def sdxl(original: Callable[[str], Path]) -> FrozenBase:
    return FrozenBase.open(original("sdxl"), CPU)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shaped_folder(tmp_path_factory.mktemp("shaped") / "own")


def rows_by_bucket(features: FeatureDataset) -> list[torch.Tensor]:
    bucket_N = features.bucket_N
    assert bucket_N is not None
    return [(bucket_N == each).nonzero().flatten() for each in bucket_N.unique() if each >= 0]


def cut(number: int, told: list[float], *, mirrored: bool) -> torch.Tensor:
    """Cut the crop that was passed to the denoiser out of an image, with Pillow alone."""
    height, width, top, left, rows, columns = map(int, told)
    assert (height, width) == size_of(number)
    scale = max(rows / height, columns / width)
    image = draw_image(number).resize((round(width * scale), round(height * scale)), Image.Resampling.BICUBIC)
    assert top + rows <= image.height
    assert left + columns <= image.width
    image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else image
    pixels = np.array(image.crop((left, top, left + columns, top + rows)))
    return torch.from_numpy(pixels).permute(2, 0, 1)[None]


@pytest.mark.parametrize(
    "cropping", [Cropping(), Cropping(random_crops=2), Cropping(random_flip=True), Cropping(aspect_buckets=True), ALL]
)
def test_the_latents_of_a_crop_are_those_of_the_crop_that_is_told(
    cropping: Cropping, folder: Path, sdxl: FrozenBase, encoder: TextEncoder
) -> None:
    features = shaped_features(folder, sdxl, encoder, cropping)
    every = torch.arange(1, len(features.texts_N))
    groups = rows_by_bucket(features) if cropping.aspect_buckets else [every]
    assert torch.equal(torch.cat(groups).sort()[0], every)
    mirrored, seen = Counter[bool](), set()
    for rows in groups:
        for seed in range(4):
            latents, sizes = features.images(rows, generator_of(seed, "crops"))
            assert sizes is not None
            for row, found, told in zip(rows.tolist(), latents, sizes.tolist(), strict=True):
                number = number_of(features, row)
                assert list(found.shape[1:]) == [told[4] / sdxl.factor, told[5] / sdxl.factor]
                errors = [
                    (sdxl.latents(cut(number, told, mirrored=flip), resize=False)[0] - found).abs().max().item()
                    for flip in (False, True)
                ]
                assert min(errors) < 1e-4
                mirrored[errors[1] < errors[0]] += 1
                seen.add((number, *told, errors[1] < errors[0]))
                if not cropping.random_crops:
                    assert abs(told[2] - (max(told[4], round(told[0] * told[5] / told[1])) - told[4]) / 2) <= 1
                if not cropping.aspect_buckets:
                    assert told[4:] == [32, 32]
    assert (mirrored[True] > 0) == cropping.random_flip
    if cropping == Cropping(random_flip=True):
        plain, sizes = features.images(every[:1])
        assert sizes is not None
        expected = sdxl.latents(cut(number_of(features, 1), sizes[0].tolist(), mirrored=False), resize=False)
        torch.testing.assert_close(plain, expected, atol=1e-4, rtol=0)
    assert len(seen) > 12 if cropping.variants > 1 else len(seen) == 12


def test_a_step_samples_all_crops_equally_often_and_the_same_ones_for_the_same_generator(
    folder: Path, sdxl: FrozenBase, encoder: TextEncoder
) -> None:
    features = shaped_features(folder, sdxl, encoder, Cropping(random_crops=3))
    row = next(row for row in range(1, 13) if size_of(number_of(features, row)) == (20, 80))
    rows, generator = torch.full((3000,), row), generator_of(0, "crops")
    latents, sizes = features.images(rows, generator)
    assert sizes is not None
    counts = [*Counter(map(tuple, sizes.tolist())).values()]
    assert len(counts) == 3
    assert min(counts) > 900
    again, told = features.images(rows, generator_of(0, "crops"))
    assert torch.equal(latents, again)
    assert torch.equal(sizes, told)
    first = features.images(rows[:2])
    assert torch.equal(first.latents_BKHW[0], first.latents_BKHW[1])


def test_a_batch_of_several_buckets_is_refused(folder: Path, sdxl: FrozenBase, encoder: TextEncoder) -> None:
    features = shaped_features(folder, sdxl, encoder, Cropping(aspect_buckets=True))
    assert len(rows_by_bucket(features)) == 4
    with pytest.raises(ValueError, match="images of one bucket"):
        features.images(torch.arange(1, 13))
    with pytest.raises(DoesNotFit, match="does not pass image sizes to the denoiser"):
        features.latents(torch.arange(1, 2))


def test_sampled_crops_have_the_mean_and_the_deviation_of_their_posterior(
    folder: Path, sdxl: FrozenBase, encoder: TextEncoder
) -> None:
    features = shaped_features(folder, sdxl, encoder, Cropping(aspect_buckets=True), sampled=True)
    rows = rows_by_bucket(features)[0][:1]
    mean, sizes = features.images(rows)
    assert sizes is not None
    image = cut(number_of(features, int(rows)), sizes[0].tolist(), mirrored=False)
    expected, deviation = sdxl.posterior(image, resize=False).chunk(2, dim=1)
    torch.testing.assert_close(mean, expected, atol=1e-4, rtol=0)
    generator = generator_of(0, "draws")
    drawn = torch.stack([features.images(rows, generator).latents_BKHW for _ in range(1500)])
    torch.testing.assert_close(drawn.std(0), deviation, atol=0, rtol=0.2)


@pytest.mark.parametrize(
    ("method", "phase"), [("mulan", "denoise"), ("pea", "hybrid"), ("full", "everything"), ("iap", "attention")]
)
def test_the_unet_is_told_the_true_sizes_by_every_kind_of_loss(
    method: str, phase: str, folder: Path, sdxl: FrozenBase, encoder: TextEncoder
) -> None:
    features = shaped_features(folder, sdxl, encoder, ALL)
    plan = get_plan(method)
    (chosen,) = (each for each in plan.phases if each.name == phase)
    module = plan.learner(sdxl, encoder).module
    told: list[torch.Tensor] = []

    def listen(_module: Any, _arguments: Any, settings: dict[str, Any]) -> None:
        told.append(settings["added_cond_kwargs"]["time_ids"])

    unet = sdxl.denoiser if getattr(module, "denoiser", None) is None else module.denoiser
    handle = unet.register_forward_pre_hook(listen, with_kwargs=True)
    try:
        for rows in rows_by_bucket(features):
            draw = Draw(0, rows, generator_of(1, "noise", 0, 0))
            assert chosen.make(module, features).loss(draw).total.isfinite()
            originals = [size_of(number_of(features, row)) for row in rows.tolist()]
            assert told
            for time_ids in told:
                assert [tuple(each) for each in time_ids[:, :2].int().tolist()] == originals
                assert len({tuple(each) for each in time_ids[:, 4:].tolist()}) == 1
            told.clear()
    finally:
        handle.remove()


def test_without_cropping_keys_latents_and_sizes_are_unchanged(
    folder: Path, sdxl: FrozenBase, encoder: TextEncoder
) -> None:
    features = shaped_features(folder, sdxl, encoder, None)
    rows = torch.arange(1, 13)
    latents, sizes = features.images(rows)
    assert sizes is None
    assert features.bucket_N is None
    concepts = [features.concept_M[int(meaning)] for meaning in features.meaning_N[rows]]
    torch.testing.assert_close(latents, sdxl.latents(features.corpus.images(concepts)), atol=1e-4, rtol=0)
    (cache,) = features.caches("latents")
    assert cache.key == key_of("latents", "b", features.corpus.digest, features.concept_M[1:])
    (time_ids,) = sdxl.conditions(torch.zeros(1, 2, 3), None, None)["added_cond_kwargs"]["time_ids"].tolist()
    assert time_ids == [32, 32, 0, 0, 32, 32]


def test_an_image_without_a_size_is_left_out(tmp_path: Path, sdxl: FrozenBase, encoder: TextEncoder, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr("trainers.corpora.captioned.UNREADABLE_SHARE", 0.1)
    features = shaped_features(shaped_folder(tmp_path / "own", broken=3), sdxl, encoder, ALL)
    features.fill(["latents"])
    assert features.corpus.unreadable == {"own/3.png"}
    (weights,) = {features.weights_N[row].item() for row in range(1, 25) if number_of(features, row) == 3}
    assert weights == 0
    features.fill(["latents"])
    assert (tmp_path / "caches").glob("*.unreadable").__next__().read_text() == json.dumps("own/3.png") + "\n"


def test_buckets_are_sampled_as_often_as_their_texts(folder: Path, sdxl: FrozenBase, encoder: TextEncoder) -> None:
    features = shaped_features(folder, sdxl, encoder, ALL)
    bucket_N = features.bucket_N
    assert bucket_N is not None
    sampler = GroupedSampler(bucket_N, features.weights_N, 8, 3, parts=2, processes=2)
    drawn = torch.stack([sampler.draw(step) for step in range(600)])
    for part in range(2):
        own = drawn[:, [place for place in range(8) if place % 4 // 2 == part]]
        assert all(len({*bucket_N[batch].tolist()}) == 1 for batch in own)
        for batch in own[:20]:
            features.images(batch, generator_of(0, "any"))
    share = torch.bincount(drawn.flatten(), minlength=len(features.weights_N)) / drawn.numel()
    torch.testing.assert_close(share.double(), features.weights_N, atol=0.02, rtol=0)


def test_caches_of_all_buckets_are_listed_and_counted(tmp_path: Path, sdxl: FrozenBase, encoder: TextEncoder) -> None:
    features = shaped_features(shaped_folder(tmp_path / "own"), sdxl, encoder, ALL)
    sizes = features.sizes(["latents"])
    features.fill(["latents"])
    cached = list_cached(tmp_path / "caches")
    assert sum(each.size_bytes for each in cached) - 128 * len(cached) == sizes["latents"]
    assert sorted(each.shape for each in cached) == [(6, 4, 4, 16), (6, 4, 10, 6), (12, 4, 6, 10), (12, 4, 8, 8)]
