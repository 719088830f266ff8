"""Draw the image that other sites show beside a link to a page: a title, a few words and a sample image."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageDraw

from hub.images.text_rendering import LINE, wrap, write

SIZE = (1200, 630)
"""Width and height in pixels, which is what sites that follow https://ogp.me crop to."""
FORMATS = ("PNG", "JPEG", "WEBP")
MAX_PIXELS = 4_000_000
"""Pixels of a sample image. Larger ones are left out, because decoding them takes long."""
_PAPER, _INK, _FAINT, _INDIGO, _GOLD = (251, 250, 247), (29, 28, 46), (98, 95, 120), (53, 52, 138), (240, 198, 104)
_MARGIN, _BAND, _DOT, _SAMPLE = 64, 40, 6, 400


def draw_share_image(title: str, words: str, facts: str = "", sample: bytes = b"") -> bytes:
    """Return a PNG of `SIZE`. `title` and `words` are wrapped, `facts` are a line below them.

    `sample` is a generated image to show beside them; if it cannot be decoded, it is left out.
    """
    sheet = Image.new("RGB", SIZE, _PAPER)
    draw = ImageDraw.Draw(sheet)
    _draw_band(draw)
    image = _decode(sample)
    width = SIZE[0] - 2 * _MARGIN
    if image is not None:
        width -= _SAMPLE + _MARGIN
        sheet.paste(_enlarge(image), (SIZE[0] - _MARGIN - _SAMPLE, (SIZE[1] + _BAND - _SAMPLE) // 2))
    y: float = _BAND + _MARGIN + 20
    for text, size_px, most, colour in ((title, 60, 2, _INK), (words, 32, 4, _FAINT), (facts, 32, 1, _INDIGO)):
        for line in wrap(text, size_px, width, most) if text else ():
            write(draw, (_MARGIN, y), line, size_px, colour)
            y += LINE * size_px
        y += 12
    write(draw, (_MARGIN, SIZE[1] - 40), "linguahub", 28, _INDIGO)
    written = BytesIO()
    sheet.save(written, "PNG")
    return written.getvalue()


def _draw_band(draw: ImageDraw.ImageDraw) -> None:
    """Draw the indigo band with the dots of adire cloth."""
    draw.rectangle((0, 0, SIZE[0], _BAND), fill=_INDIGO)
    for x in range(_BAND // 2, SIZE[0], _BAND):
        draw.ellipse((x - _DOT / 2, _BAND / 2 - _DOT / 2, x + _DOT / 2, _BAND / 2 + _DOT / 2), fill=_GOLD)


def _decode(content: bytes) -> Image.Image | None:
    """Return an image; None for bytes in other formats, damaged ones and too many pixels."""
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                return None
            return opened.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _enlarge(image: Image.Image) -> Image.Image:
    """Return the middle square at `_SAMPLE` pixels; small images keep their hard edges."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    method = Image.Resampling.NEAREST if side <= _SAMPLE // 2 else Image.Resampling.LANCZOS
    return image.crop((left, top, left + side, top + side)).resize((_SAMPLE, _SAMPLE), method)
