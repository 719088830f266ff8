"""Decode the images of a corpus, and remember those that cannot be decoded.

Shape letters: H and W the sides of an image.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from trainers.corpora.crop import Crop, Pixels, cut, decode

DECODERS = min(8, os.cpu_count() or 1)
"""Threads that decode images."""


def decode_squares(contents: Sequence[bytes | None], side: int) -> list[Pixels | None]:
    """Decode image files to (H, W, 3), resized to the shorter side and centre-cropped; None for what cannot be decoded."""
    with ThreadPoolExecutor(DECODERS) as decoders:
        return [*decoders.map(lambda content: _decode_square(content, side), contents)]


def decode_crops(content: bytes | None, crops: Sequence[Crop]) -> list[Pixels] | None:
    """Decode an image file once, and return crops of it (H, W, 3); None if it cannot be decoded."""
    image = decode(content)
    return None if image is None else [cut(image, crop) for crop in crops]


def _decode_square(content: bytes | None, side: int) -> Pixels | None:
    image = decode(content)
    if image is None:
        return None
    scale = side / min(image.size)
    width, height = (max(side, round(length * scale)) for length in image.size)
    return cut(image, Crop((height, width), (height - side) // 2, (width - side) // 2, (side, side)))


class UnreadableImages:
    """The keys of images that could not be decoded, in a file that several processes add to."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def keys(self) -> frozenset[str]:
        """The keys that any process has added."""
        if not self._path.exists():
            return frozenset()
        return frozenset(json.loads(line) for line in self._path.read_text().splitlines())

    def add(self, keys: Sequence[str]) -> None:
        """Add keys, each on a separate line."""
        with self._path.open("a") as file:
            file.write("".join(f"{json.dumps(key)}\n" for key in keys))
