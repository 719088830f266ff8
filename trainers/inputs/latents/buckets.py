"""Aspect buckets: shapes of nearly the same area, so that an image loses little when it is cropped to one of them.

The rule is that of NovelAI's and kohya-ss's trainers, whose buckets for 1,024 pixels are in the table of SDXL (Podell et al. 2023,
appendix I): sides are multiples of 64 pixels between half and twice the base's, and no bucket is larger than the base's square.

Shape letters: N images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Shape = tuple[int, int]
"""Height and width in pixels."""
Sizes = np.ndarray[Any, np.dtype[np.int32]]
STEP = 64
"""Pixels between two sides. Bases with images of less than 512 pixels have smaller steps, and as many buckets."""


def bucket_shapes(side: int, grain: int) -> list[Shape]:
    """Return the shapes of all buckets for a base with images of `side` pixels, whose sides are multiples of `grain`; widest last."""
    step = grain * max(1, min(STEP, side // 8) // grain)
    square = side // step * step
    shapes = {(square, square)}
    for long in range(square, 2 * side + 1, step):
        short = side * side // long // step * step
        if short >= side / 2:
            shapes |= {(long, short), (short, long)}
    return sorted(shapes, key=lambda shape: (shape[1] / shape[0], shape))


def nearest_buckets(sizes_N2: Sizes, shapes: Sequence[Shape]) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Return for each image of `sizes_N2` (height, width) the bucket (N,) whose aspect ratio is nearest, as a quotient.

    An image of unknown size, 0, belongs to a square.
    """
    ratio_N = np.log(np.maximum(sizes_N2[:, 1], 1) / np.maximum(sizes_N2[:, 0], 1))
    ratios = np.log([width / height for height, width in shapes])
    middles = (ratios[1:] + ratios[:-1]) / 2
    found: np.ndarray[Any, np.dtype[np.int16]] = np.searchsorted(middles, ratio_N).astype(np.int16)
    return found
