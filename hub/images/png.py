"""PNG files with metadata that records how an image was made."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from hub.errors import Damaged, Unreachable


def save_png(image: Image.Image, path: Path, fields: Mapping[str, str]) -> None:
    """Write `image` with text `fields`, atomically. Raises Unreachable."""
    text = PngInfo()
    for key, value in fields.items():
        text.add_itxt(key, value)  # UTF-8, which PNG's plain text fields are not
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".unfinished-") as folder:
            unfinished = Path(folder) / path.name
            image.save(unfinished, format="PNG", pnginfo=text)
            unfinished.replace(path)
    except OSError as error:
        raise Unreachable(f"`{path}` cannot be written: {error.strerror or error}.") from error


def read_fields(path: Path) -> dict[str, str]:
    """Return the text fields of a PNG file. Raises Damaged if it is incomplete."""
    try:
        with Image.open(path, formats=("PNG",)) as image:
            image.load()  # Fields may follow the pixels, and a truncated file must be refused.
            return {str(key): str(value) for key, value in image.info.items() if isinstance(value, str)}
    except (OSError, SyntaxError, ValueError) as error:
        raise Damaged(f"`{path}` is not a complete PNG file: remove it to generate it again.") from error
