"""Adds a title and a caption to a contact sheet."""

from __future__ import annotations

from PIL import Image, ImageDraw

from hub.images.text_rendering import FAINT, PAPER, write

TOP_PX, FOOT_PX = 60, 36


def add_title(sheet: Image.Image, title: str, caption: str) -> Image.Image:
    """Return the sheet with the title above and the caption below it."""
    framed = Image.new("RGB", (sheet.width, sheet.height + TOP_PX + FOOT_PX), PAPER)
    framed.paste(sheet, (0, TOP_PX))
    pen = ImageDraw.Draw(framed)
    write(pen, (16, 42), title, 26)
    write(pen, (16, framed.height - 14), caption, 15, FAINT)
    return framed
