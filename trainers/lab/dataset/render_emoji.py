"""Render emoji with Noto Color Emoji."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

STRIKE_PX = 109
"""The only size for which the font has bitmaps."""
SIDE_PX = 64


class Renderer:
    """Renders emoji as 64 × 64 images on white."""

    def __init__(self, font: Path) -> None:
        self._font = ImageFont.truetype(font, STRIKE_PX, layout_engine=ImageFont.Layout.RAQM)
        self._glyph_width = self._font.getlength("\U0001f600")

    def draw(self, emoji: str) -> Image.Image | None:
        """Return the image, or None if the font has no single glyph for the sequence."""
        if self._font.getlength(emoji) != self._glyph_width:
            return None
        canvas = Image.new("RGBA", (160, 160), (255, 255, 255, 255))
        ImageDraw.Draw(canvas).text((80, 80), emoji, font=self._font, embedded_color=True, anchor="mm")
        box = Image.eval(canvas.convert("RGB"), lambda value: 255 - value).getbbox()
        if box is None:
            return None
        return canvas.convert("RGB").crop((8, 8, 152, 152)).resize((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS)


def to_webp(image: Image.Image) -> bytes:
    """Return the image as WebP, quality 90."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=90, method=6)
    return buffer.getvalue()
