"""Cut crops out of images, and read the sizes of images from the headers of their files.

Shape letters: H and W the sides of a crop.
"""

from __future__ import annotations

import io
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
UNREADABLE = (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError)
"""Exceptions that Pillow raises for a damaged file."""


class Crop(NamedTuple):
    """How an image is resized and cropped, in pixels."""

    resized: tuple[int, int]
    """Height and width of the whole image before it is cut."""
    top: int
    left: int
    size: tuple[int, int]
    """Height and width of the crop."""
    is_mirrored: bool = False
    """Whether the resized image is mirrored before it is cut."""


def cut(image: Image.Image, crop: Crop) -> Pixels:
    """Return a crop of an image, (H, W, 3)."""
    height, width = crop.resized
    resized = image.resize((width, height), Image.Resampling.BICUBIC)
    if crop.is_mirrored:
        resized = resized.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    rows, columns = crop.size
    return np.array(resized.crop((crop.left, crop.top, crop.left + columns, crop.top + rows)))


def decode(content: bytes | None) -> Image.Image | None:
    """Return the RGB image of a file; None for what cannot be decoded."""
    if content is None:
        return None
    try:
        with Image.open(io.BytesIO(content)) as opened:
            return opened.convert("RGB")
    except UNREADABLE:
        return None


def read_size(content: bytes) -> tuple[int, int] | None:
    """Return height and width from the first bytes of an image file; None if there are too few of them, or they are not of an image."""
    try:
        with Image.open(io.BytesIO(content)) as opened:
            return opened.height, opened.width
    except UNREADABLE:
        return None
