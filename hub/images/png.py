"""Pictures on disk: PNG files that say in their text fields what made them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from hub.errors import Damaged, Unreachable


def save_png(picture: Image.Image, path: Path, fields: Mapping[str, str]) -> None:
    """Write `picture` with text `fields`, all of it or nothing. Raises Unreachable."""
    text = PngInfo()
    for key, value in fields.items():
        text.add_itxt(key, value)  # UTF-8, which PNG's plain text fields are not
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".unfinished-") as folder:
            unfinished = Path(folder) / path.name
            picture.save(unfinished, format="PNG", pnginfo=text)
            unfinished.replace(path)
    except OSError as error:
        raise Unreachable(f"`{path}` cannot be written: {error.strerror or error}.") from error


def read_fields(path: Path) -> dict[str, str]:
    """The text fields of a PNG file. Raises Damaged for what is no whole one."""
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            picture.load()  # fields may stand behind the pixels, and a cut file is no picture
            return {str(key): str(value) for key, value in picture.info.items() if isinstance(value, str)}
    except (OSError, SyntaxError, ValueError) as error:
        raise Damaged(f"`{path}` is no whole PNG file: remove it, and it is drawn again.") from error
