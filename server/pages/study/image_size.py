"""Read the size of an SVG or WebP image from its first bytes, so that a page can reserve its place."""

from __future__ import annotations

import re
from pathlib import Path

_VIEW_BOX = re.compile(rb'<svg[^>]*\bviewBox="[-\d.]+ [-\d.]+ ([\d.]+) ([\d.]+)"')
_READ = 4096


def image_size(path: Path) -> tuple[int, int] | None:
    """Return width and height in pixels; None for other formats.

    Source: RFC 9649, WebP Image Format, sections 2.5 (lossy), 2.6 (lossless) and 2.7 (extended).
    """
    with path.open("rb") as opened:
        start = opened.read(_READ)
    if found := _VIEW_BOX.search(start):
        return round(float(found[1])), round(float(found[2]))
    if start[:4] != b"RIFF" or start[8:12] != b"WEBP" or len(start) < 30:
        return None
    chunk = start[12:16]
    if chunk == b"VP8X":
        return 1 + int.from_bytes(start[24:27], "little"), 1 + int.from_bytes(start[27:30], "little")
    if chunk == b"VP8 ":
        width, height = (int.from_bytes(start[at : at + 2], "little") & 0x3FFF for at in (26, 28))
        return width, height
    if chunk == b"VP8L":
        bits = int.from_bytes(start[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return None
