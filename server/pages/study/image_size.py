"""Read the size of an SVG or WebP image from its first bytes, so that a page can reserve its place."""

from __future__ import annotations

import re
from pathlib import Path

_SVG = re.compile(rb"<svg[^>]*>")
_VIEW_BOX = re.compile(rb'\bviewBox="[-\d.]+ [-\d.]+ ([\d.]+) ([\d.]+)"')
_POINTS = re.compile(rb'\bwidth="[\d.]+pt"')
_PER_POINT = 4 / 3
"""Pixels of a point, in CSS. Matplotlib writes points."""
_READ = 4096


def image_size(path: Path) -> tuple[int, int] | None:
    """Return width and height in pixels; None for other formats.

    Source: RFC 9649, WebP Image Format, sections 2.5 (lossy), 2.6 (lossless) and 2.7 (extended).
    """
    with path.open("rb") as opened:
        start = opened.read(_READ)
    if (svg := _SVG.search(start)) and (box := _VIEW_BOX.search(svg[0])):
        scale = _PER_POINT if _POINTS.search(svg[0]) else 1
        return round(scale * float(box[1])), round(scale * float(box[2]))
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
