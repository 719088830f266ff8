"""Errors as git and git-lfs show them: git prints plain text behind `remote:`, git-lfs the `message` of a JSON object.

Both ask for a name and a password when they hear 401, and only then: for them whatever nobody may see is a question.
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


def is_for_git(request: Request) -> bool:
    """Whether git asks, or git-lfs; Hugging Face's clients use git-lfs's addresses, too, and read their own envelope."""
    if "/info/lfs/" in request.url.path:
        return request.headers.get("user-agent", "").startswith("git-lfs")
    return _GIT.search(request.url.path) is not None


def asks_for_password(request: Request, error: HubError) -> bool:
    """Whether somebody who says who they are may hear better news than `error`."""
    is_nobody = "authorization" not in request.headers or isinstance(error, Unauthenticated)
    return is_for_git(request) and is_nobody and isinstance(error, UnknownArtifact | Gated | Unauthenticated)


def password_prompt(request: Request, message: str) -> Response:
    """401, with the header that makes git ask."""
    headers = {"WWW-Authenticate": _REALM, "LFS-Authenticate": _REALM, "Cache-Control": "no-store"}
    return in_gits_words(request, HTTPStatus.UNAUTHORIZED, message, headers)


def in_gits_words(request: Request, status: int, message: str, headers: dict[str, str]) -> Response:
    """An error of any kind."""
    if "/info/lfs/" in request.url.path:
        return JSONResponse({"message": message}, status, headers, media_type=LFS_TYPE)
    return PlainTextResponse(message + "\n", status, headers)
