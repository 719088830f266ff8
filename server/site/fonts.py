"""GET /fonts/NAME: fonts of scripts that some machines lack.

The same fonts are used for labels of images (`hub.images`). `static/fonts.css` lists the letters for which a browser needs one. It
loads a font only if a page has such letters and no font of the system has them, so most visitors load none.
"""

from __future__ import annotations

import gzip
import lzma
from functools import lru_cache
from importlib import resources
from typing import Annotated

from fastapi import Path, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

_HEADERS = {"Content-Type": "font/ttf", "Cache-Control": "public, max-age=2592000", "Vary": "Accept-Encoding"}
_STORED = "-Regular.ttf.xz"


def send_font(request: Request, name: Annotated[str, Path(max_length=60)]) -> Response:
    """Return a font, such as `NotoSansEthiopic.ttf`. Raises HTTPException for others."""
    packed = _packed(name.removesuffix(".ttf")) if name in font_names() else None
    if packed is None:
        raise HTTPException(404, f"there is no font {name!r}.")
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(packed, headers={**_HEADERS, "Content-Encoding": "gzip"})
    return Response(gzip.decompress(packed), headers=_HEADERS)


@lru_cache(maxsize=1)
def font_names() -> frozenset[str]:
    """Return the names of all fonts."""
    stored = (each.name for each in (resources.files("hub.images") / "fonts").iterdir())
    return frozenset(f"{each.removesuffix(_STORED)}.ttf" for each in stored if each.endswith(_STORED))


@lru_cache(maxsize=32)
def _packed(name: str) -> bytes:
    stored = resources.files("hub.images") / "fonts" / f"{name}{_STORED}"
    return gzip.compress(lzma.decompress(stored.read_bytes()), 9, mtime=0)
