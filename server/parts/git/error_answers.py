"""Errors as git and git-lfs show them: git prints plain text after `remote:`, git-lfs the `message` of a JSON object.

Both ask for credentials only after a 401, so anonymous requests for hidden repositories get a 401 instead of a 404.
"""

from __future__ import annotations

import re
from http import HTTPStatus

from fastapi import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from hub.errors import Gated, HubError, Unauthenticated, UnknownArtifact

LFS_TYPE = "application/vnd.git-lfs+json"
_GIT = re.compile(r"/info/refs$|/git-(upload|receive)-pack$|\.git/info/lfs/")
_REALM = 'Basic realm="a token of this server as the password", charset="UTF-8"'


def is_git_request(request: Request) -> bool:
    """Return whether git or git-lfs sent the request. Hugging Face's clients use the LFS URLs too, with errors of their own."""
    if "/info/lfs/" in request.url.path:
        return request.headers.get("user-agent", "").startswith("git-lfs")
    return _GIT.search(request.url.path) is not None


def needs_password(request: Request, error: HubError) -> bool:
    """Return whether credentials may help against `error`."""
    is_anonymous = "authorization" not in request.headers or isinstance(error, Unauthenticated)
    return is_git_request(request) and is_anonymous and isinstance(error, UnknownArtifact | Gated | Unauthenticated)


def password_prompt(request: Request, message: str) -> Response:
    """Return a 401 with the headers that make git and git-lfs ask for credentials."""
    headers = {"WWW-Authenticate": _REALM, "LFS-Authenticate": _REALM, "Cache-Control": "no-store"}
    return git_error(request, HTTPStatus.UNAUTHORIZED, message, headers)


def git_error(request: Request, status: int, message: str, headers: dict[str, str]) -> Response:
    """Return an error in the format that git or git-lfs shows."""
    if "/info/lfs/" in request.url.path:
        return JSONResponse({"message": message}, status, headers, media_type=LFS_TYPE)
    return PlainTextResponse(message + "\n", status, headers)
