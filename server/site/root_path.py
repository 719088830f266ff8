"""Serve everything below a path, such as https://example.org/hub, behind a proxy that serves other things as well.

Inside the application, paths have no prefix: `/settings`. It is removed where a request arrives, and added where a path leaves: to the
`Location` of redirects, to links in rendered pages, to URLs (`request.base_url`) and to the path of cookies. So routes, templates and
links in cards and translations are written without it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextvars import ContextVar
from urllib.parse import unquote, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.errors import InvalidRequest
from server.http.middleware import HttpLayer

_VALID = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_START_TAG = re.compile(r"<[A-Za-z][^<>]*>")
_PATH = re.compile(r'(\s(?:href|src|action|formaction|poster)=")(?=/(?!/))')
"""The beginning of an attribute with a path. Values are escaped, so that no text of a user contains a quotation mark in a tag."""
_root: ContextVar[str] = ContextVar("root", default="")


def parse_root_path(text: str) -> str:
    """Return `/hub` for `/hub/`, and an empty text for `/`. Raises InvalidRequest."""
    path = text.rstrip("/")
    if path and (_VALID.fullmatch(path) is None or {".", ".."} & set(path.split("/"))):
        raise InvalidRequest(f"`{text[:80]}` is not a root path: use a path such as /hub, of ASCII letters and digits.")
    return path


def configured_root_path(environment: Mapping[str, str] | None = None) -> str:
    """Return `$HUB_ROOT_PATH`, as `parse_root_path` does. Raises InvalidRequest."""
    environment = os.environ if environment is None else environment
    return parse_root_path(environment.get("HUB_ROOT_PATH", ""))


def root_path() -> str:
    """Return the prefix of the request that is processed: `/hub`, or an empty text."""
    return _root.get()


def cookie_path() -> str:
    """Return the path of cookies: other programs of the host do not get them."""
    return root_path() or "/"


def add_root_path(page: str) -> str:
    """Add the prefix to all links of a page. Scripts read it from `data-root` of the element `html`."""
    root = root_path()
    if not root:
        return page
    page = _START_TAG.sub(lambda tag: _PATH.sub(rf"\1{root}", tag[0]), page)
    return page.replace("<html ", f'<html data-root="{root}" ', 1)


class RootPath(HttpLayer):
    """Removes the prefix from the path of requests, and adds it to redirects. Other paths are 404."""

    def __init__(self, app: ASGIApp, root: str) -> None:
        super().__init__(app)
        self._root, self._raw = root, root.encode()

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Process a request whose path begins with the prefix."""
        path, raw = scope["path"], scope.get("raw_path")
        if path == self._root:
            await RedirectResponse(f"{self._root}/")(scope, receive, send)
            return
        if not path.startswith(f"{self._root}/") or (raw is not None and not raw.startswith(self._raw + b"/")):
            await PlainTextResponse(f"This server is at {self._root}/.\n", 404)(scope, receive, send)
            return
        _root.set(self._root)
        scope["path"] = path[len(self._root) :]
        if raw is not None:
            scope["raw_path"] = raw[len(self._root) :]
        scope["app_root_path"] = self._root  # Starlette's `request.base_url` contains it.

        async def send_with_prefix(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if "location" in headers:
                    headers["location"] = self._location(headers["location"], scope["path"])
            await send(message)

        await self.app(scope, receive, send_with_prefix)

    def _location(self, target: str, path: str) -> str:
        """Return the target of a redirect with the prefix, if it is a path or one of Starlette's own redirects to another slash."""
        if target.startswith("/") and not target.startswith("//"):
            return self._root + target
        found = urlsplit(target)
        if unquote(found.path).rstrip("/") == unquote(path).rstrip("/"):
            return found._replace(path=self._root + found.path).geturl()
        return target
