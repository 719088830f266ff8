"""Serve the documentation at /docs: the site that `make docs` builds."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

ADDRESS = "/docs"
_CHECKOUT = Path(__file__).resolve().parents[2]
_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def install(app: FastAPI) -> None:
    """Add the documentation to `app` if it is built; `app.state.has_documentation` is true if so."""
    folder = find_site()
    app.state.has_documentation = folder is not None
    if folder is not None:
        app.add_route(ADDRESS, _add_slash, include_in_schema=False)
        app.mount(ADDRESS, Documentation(folder), name="documentation")


def find_site(environment: Mapping[str, str] | None = None) -> Path | None:
    """Return the folder of the built site: `$HUB_DOCS`, or `build/docs` of the checkout. None if there is no site in it."""
    environment = os.environ if environment is None else environment
    folder = Path(environment.get("HUB_DOCS") or _CHECKOUT / "build" / "docs")
    return folder if (folder / "index.html").is_file() else None


class Documentation(StaticFiles):
    """The files of the site, with a security policy that allows the theme's own scripts but nothing external."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder, html=True)
        self._policy = policy_of(folder)

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Find a file. The site's own 404.html is left out: it expects to be at the root of a host."""
        return ("", None) if path == "404.html" else super().lookup_path(path)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file, 304 or a redirect. Raises HTTPException for a missing file."""
        response = await super().get_response(path, scope)
        response.headers["Content-Security-Policy"] = self._policy  # A 304 replaces the header in the browser's cache.
        return response


def policy_of(folder: Path) -> str:
    """Return the Content-Security-Policy of the site: its inline scripts are allowed by their digests."""
    scripts = {
        script for page in folder.rglob("*.html") for script in _INLINE_SCRIPT.findall(page.read_bytes()) if script
    }
    digests = sorted(b64encode(sha256(script).digest()).decode() for script in scripts)
    allowed = " ".join(["'self'", *(f"'sha256-{digest}'" for digest in digests)])
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


async def _add_slash(_request: Request) -> Response:
    return RedirectResponse(f"{ADDRESS}/")
