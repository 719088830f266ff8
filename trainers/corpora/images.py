"""Decode the images of a corpus, and remember those that cannot be decoded.

Shape letters: H and W the sides of an image.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
DECODERS = min(8, os.cpu_count() or 1)
"""Threads that decode images."""


def decode_squares(contents: Sequence[bytes | None], side: int) -> list[Pixels | None]:
    """Decode image files to (H, W, 3), resized to the shorter side and centre-cropped; None for what cannot be decoded."""
    with ThreadPoolExecutor(DECODERS) as decoders:
        return [*decoders.map(lambda content: _decode_square(content, side), contents)]


def _decode_square(content: bytes | None, side: int) -> Pixels | None:
    if content is None:
        return None
    try:
        with Image.open(io.BytesIO(content)) as opened:
            image = opened.convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    scale = side / min(image.size)
    width, height = (max(side, round(length * scale)) for length in image.size)
    left, top = (width - side) // 2, (height - side) // 2
    resized = image.resize((width, height), Image.Resampling.BICUBIC)
    return np.array(resized.crop((left, top, left + side, top + side)))


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
        """Add keys, each on a line of its own."""
        with self._path.open("a") as file:
            file.write("".join(f"{json.dumps(key)}\n" for key in keys))
