"""Aspect buckets have about the base's area, and an image goes to the one of its own shape."""

from __future__ import annotations

import numpy as np
import pytest

from trainers.inputs.latents.buckets import bucket_shapes, nearest_buckets

SDXL = """512x2048 512x1984 512x1920 512x1856 576x1792 576x1728 576x1664 640x1600 640x1536 704x1472 704x1408 704x1344 768x1344 768x1280
832x1216 832x1152 896x1152 896x1088 960x1088 960x1024 1024x1024 1024x960 1088x960 1088x896 1152x896 1152x832 1216x832 1280x768 1344x768
1408x704 1472x704 1536x640 1600x640 1664x576 1728x576 1792x576 1856x512 1920x512 1984x512 2048x512"""
"""The table of SDXL's appendix I, height × width."""
PEA = [(448, 896), (448, 832), (512, 768), (576, 704), (640, 640), (704, 576), (768, 512), (832, 448), (896, 448)]
"""Buckets of PEA-Diffusion's `custom_dataset_sdxl.py`."""


@pytest.mark.parametrize(
    ("side", "grain", "step"), [(1024, 32, 64), (512, 64, 64), (256, 16, 32), (64, 16, 16), (32, 8, 8)]
)
def test_buckets_have_sides_in_steps_and_at_most_the_area_of_the_base(side: int, grain: int, step: int) -> None:
    shapes = bucket_shapes(side, grain)
    assert (side, side) in shapes
    assert {(width, height) for height, width in shapes} == {*shapes}
    for height, width in shapes:
        assert height % step == width % step == 0
        assert side / 2 <= min(height, width)
        assert max(height, width) <= 2 * side
        assert height * width <= side**2
        assert side**2 < (min(height, width) + step) * max(height, width), "one more step would be too large"


def test_buckets_are_those_of_the_published_trainers() -> None:
    table = {(int(height), int(width)) for height, width in (each.split("x") for each in SDXL.split())}
    assert len(table) == 40
    assert {*bucket_shapes(1024, 32)} < table
    assert {*PEA} < {*bucket_shapes(640, 32)}


def test_an_image_goes_to_the_bucket_of_the_nearest_aspect_ratio_and_a_turned_one_to_the_turned_bucket() -> None:
    shapes = bucket_shapes(1024, 32)

    def found(*sizes: tuple[int, int]) -> list[tuple[int, int]]:
        return [shapes[each] for each in nearest_buckets(np.array(sizes, np.int32), shapes)]

    assert found((3000, 4000), (4000, 3000)) == [(896, 1152), (1152, 896)]
    assert found((500, 500), (0, 0)) == [(1024, 1024)] * 2
    assert found((1080, 1920), (10, 4000), (4000, 10)) == [(768, 1344), (512, 2048), (2048, 512)]
    random = np.random.default_rng(0).integers(100, 4000, (200, 2), np.int32)
    for (height, width), shape in zip(random, found(*random), strict=True):
        distances = [abs(np.log(width / height) - np.log(each[1] / each[0])) for each in shapes]
        assert shapes[int(np.argmin(distances))] == shape
