"""Format errors for git and git-lfs: git prints plain text after `remote:`, git-lfs the `message` of a JSON object.

Both ask for credentials only after a 401, so anonymous requests for hidden repositories get a 401 instead of a 404.
"""

from __future__ import annotations

import re
from http import HTTPStatus

from fastapi import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from hub.errors import Gated, HubError, Unauthenticated, UnknownArtifact

LFS_TYPE = "application/vnd.git-lfs+json"
_GIT = re.compile(r"/info/refs$|/git-(upload|receive)-pack$")
_REALM = 'Basic realm="a token of this server as the password", charset="UTF-8"'


def git_error(
    request: Request, status: int, message: str, headers: dict[str, str], error: HubError | None
) -> Response | None:
    """Return an error in the format of git or git-lfs, a 401 if credentials could help; None for all other clients."""
    path = request.url.path
    is_lfs = "/info/lfs/" in path
    # Hugging Face's clients use the LFS URLs, too, but expect their own error format.
    if not (request.headers.get("user-agent", "").startswith("git-lfs") if is_lfs else _GIT.search(path)):
        return None
    is_anonymous = "authorization" not in request.headers or isinstance(error, Unauthenticated)
    if is_anonymous and isinstance(error, UnknownArtifact | Gated | Unauthenticated):
        status = HTTPStatus.UNAUTHORIZED
        headers = {"WWW-Authenticate": _REALM, "LFS-Authenticate": _REALM, "Cache-Control": "no-store"}
    if is_lfs:
        return JSONResponse({"message": message}, status, headers, media_type=LFS_TYPE)
    return PlainTextResponse(message + "\n", status, headers)
