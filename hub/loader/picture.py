"""Pictures on disk: PNG files that say in their text fields what made them."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from hub.errors import Unreachable


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


def arrange(pictures: Sequence[Image.Image], columns: int | None = None, gap: int = 4) -> Image.Image:
    """One picture of all, of one size, row by row on white; as square as can be unless `columns` is given. `gap` in pixels."""
    columns = columns or math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    width, height = pictures[0].size
    sheet = Image.new("RGB", (columns * (width + gap) - gap, rows * (height + gap) - gap), "white")
    for place, picture in enumerate(pictures):
        row, column = divmod(place, columns)
        sheet.paste(picture, (column * (width + gap), row * (height + gap)))
    return sheet
