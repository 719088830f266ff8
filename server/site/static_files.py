"""Serve `server/static` under names that contain a digest, so that browsers keep a file until it changes."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).resolve().parents[1] / "static"
_DIGITS = 12
_HASHED = re.compile(rf"^(.*)\.([0-9a-f]{{{_DIGITS}}})(\.\w+)$")
_FOREVER = "public, max-age=31536000, immutable"


def static_path(name: str) -> str:
    """Return the path of a file of `server/static`: `/static/hub.0a1b2c3d4e5f.css` for `hub.css`."""
    return f"/static/{hashed_name(FOLDER, name)}"


def hashed_name(folder: Path, name: str) -> str:
    """Return the name under which `HashedFiles` serves a file of a folder until it changes: `hub.0a1b2c3d4e5f.css` for `hub.css`."""
    stem, dot, suffix = name.rpartition(".")
    return f"{stem}.{_digest(folder / name)}{dot}{suffix}"


class HashedFiles(StaticFiles):
    """The files of a folder. Each also has its plain name, which scripts and style sheets use to refer to each other."""

    def __init__(self, folder: Path = FOLDER) -> None:
        super().__init__(directory=folder)
        self._folder = folder

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file or 304. An old name returns the current file, so that a page from before an update still has its style."""
        found = _HASHED.match(path)
        response = await super().get_response(found[1] + found[3] if found else path, scope)
        is_current = found is not None and found[2] == _digest(self._folder / (found[1] + found[3]))
        response.headers["Cache-Control"] = _FOREVER if is_current else "no-cache"
        return response


def _digest(path: Path) -> str:
    status = path.stat()
    return _digest_at(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=256)
def _digest_at(path: Path, _changed_at: int, _size_bytes: int) -> str:
    return sha256(path.read_bytes()).hexdigest()[:_DIGITS]
