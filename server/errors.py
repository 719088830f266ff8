"""Turn exceptions into responses: JSON, `{"error": "…"}`, or a page for browsers.

Hugging Face clients choose their exception by the header `X-Error-Code`, and show `X-Error-Message` for HEAD requests, which have no body.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from hub.errors import (
    DiskFull,
    Gated,
    HubError,
    NotServed,
    OverQuota,
    RateLimited,
    UnknownArtifact,
    UnknownFile,
    UnknownRevision,
    UpstreamDown,
)
from server.auth.access import ArtifactMoved, HandledByPart
from server.auth.csrf_forms import LoginRequired
from server.http.middleware import HttpLayer, add_headers
from server.pages.login import redirect_to_login
from server.pages.rendering import render
from server.part import ServerPart

CODES: dict[type[HubError], str] = {
    UnknownArtifact: "RepoNotFound",
    UnknownRevision: "RevisionNotFound",
    UnknownFile: "EntryNotFound",
    Gated: "GatedRepo",
    NotServed: "NotImplemented",
}
"""Values of `X-Error-Code`, which the client maps to exceptions such as RepositoryNotFoundError."""
_SHOWN_ERRORS = (NotServed, OverQuota, UpstreamDown)
"""Errors with a status of 500 or more whose message is shown to the client: it is useful and reveals nothing about this machine."""
_MAX_HEADER = 500
"""Maximum length of `X-Error-Message`: proxies refuse responses with headers of a few KB."""
MAX_TARGET = 16_384
"""Maximum length of path and query of a request in characters: a search text may have 1,000 characters of up to 12 each."""
MAX_MESSAGE = 8000
"""Maximum length of a message in characters: it repeats what was sent, and lists up to 20 problems."""
MAX_LOCATION = 4000
"""Maximum length of a redirect that repeats the request: proxies refuse longer headers."""
_CLIENT_CLOSED = 499
_MAX_PROBLEMS = 10
"""Invalid parameters that an error lists."""
_BLANKS = re.compile(r"[\x00-\x20\x7f]+")
_log = logging.getLogger("server.errors")


def install(app: FastAPI) -> None:
    """Register the exception handlers of the application."""
    app.add_exception_handler(HubError, _hub_error)
    app.add_exception_handler(HandledByPart, _handled_by_part)
    app.add_exception_handler(ClientDisconnect, _client_disconnected)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(LoginRequired, redirect_to_login)
    app.add_exception_handler(ArtifactMoved, _artifact_moved)
    app.add_exception_handler(RequestValidationError, _invalid_parameters)
    app.add_exception_handler(Exception, _crash)


class TargetLimit(HttpLayer):
    """Refuses requests whose path and query are longer than MAX_TARGET, which errors, links and redirects repeat."""

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on the request, or return 414."""
        length = len(scope["path"]) + len(scope["query_string"])
        if length <= MAX_TARGET:
            await self.app(scope, receive, send)
            return
        message = f"the address of this request has {length} characters, but the limit is {MAX_TARGET}: shorten it."
        await error_response(Request(scope), HTTPStatus.REQUEST_URI_TOO_LONG, message)(scope, receive, send)


async def _hub_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HubError)
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, _SHOWN_ERRORS):
        # The message may name folders of this machine, so it goes to the log and not into the response.
        _log.error("%s %s: %s", _request_id(request), type(error).__name__, error)
        if isinstance(error, DiskFull):
            # Xet's client retries every 5xx for minutes, so it gets a 4xx.
            status = 413 if request.url.path.startswith("/cas/") else error.status
            full = "the server's disk is full: nothing was stored. Ask an administrator to free space, then try again."
            return error_response(request, status, full)
        return error_response(request, error.status, _internal_error(request))
    if isinstance(error, RateLimited):
        return error_response(request, error.status, str(error), {"Retry-After": str(error.wait_s)})
    code = next((code for known, code in CODES.items() if isinstance(error, known)), None)
    return error_response(request, error.status, str(error), {"X-Error-Code": code} if code else {}, error=error)


async def _client_disconnected(request: Request, error: Exception) -> Response:  # noqa: ARG001 - the interface of handlers
    """Return a response that is not sent, because the client has ended its upload. Metrics count it as nginx does."""
    return Response(status_code=_CLIENT_CLOSED)


async def _handled_by_part(request: Request, error: Exception) -> Response:
    """Call the handler of the part that serves the repository."""
    assert isinstance(error, HandledByPart)
    try:
        return await error.handler(request)
    except HubError as hub_error:
        return await _hub_error(request, hub_error)


async def _artifact_moved(request: Request, error: Exception) -> Response:
    """Redirect to the same path with the new name; clients repeat method and body."""
    assert isinstance(error, ArtifactMoved)
    path = request.url.path.replace(f"/{error.old.repository}", f"/{error.new.repository}", 1)
    query = f"?{request.url.query}" if request.url.query else ""
    if len(path + query) > MAX_LOCATION:
        where = f"`{error.old}` is `{error.new}` now, and this address is too long to redirect: use the new name."
        return error_response(request, HTTPStatus.REQUEST_URI_TOO_LONG, where)
    return RedirectResponse(path + query, HTTPStatus.TEMPORARY_REDIRECT, {"Cache-Control": "no-store"})


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = _allowed(request)
    return error_response(request, error.status_code, str(error.detail), headers)


def _allowed(request: Request) -> str:
    """Return all methods of a path: Starlette lists only those of the first matching route."""
    found = set[str]()
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            found |= getattr(route, "methods", None) or set()
    return ", ".join(sorted(found))


async def _invalid_parameters(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    listed = error.errors()
    problems = [f"`{'.'.join(map(str, each['loc'][1:]))[:80]}`: {each['msg'][:200]}" for each in listed[:_MAX_PROBLEMS]]
    problems += [f"{len(listed) - _MAX_PROBLEMS} more"] * (len(listed) > _MAX_PROBLEMS)
    return error_response(request, HTTPStatus.BAD_REQUEST, f"invalid parameters: {'; '.join(problems)}.")


async def _crash(request: Request, _error: Exception) -> Response:
    """Return 500. Starlette logs the traceback and responds outside the middleware, so the headers are added here."""
    response = error_response(request, HTTPStatus.INTERNAL_SERVER_ERROR, _internal_error(request))
    add_headers(MutableHeaders(raw=response.raw_headers), _request_id(request))
    return response


def error_response(
    request: Request,
    status: int,
    message: str,
    headers: dict[str, str] | None = None,
    *,
    error: HubError | None = None,
) -> Response:
    """Return an error as JSON, as a page, or in the format of a client that a part supports."""
    message = message if len(message) <= MAX_MESSAGE else f"{message[:MAX_MESSAGE]}…"
    message = message.encode("utf-8", "backslashreplace").decode()  # It may repeat a file with half a surrogate pair.
    headers = {"X-Error-Message": _in_header(message), "Cache-Control": "no-store", **(headers or {})}
    if commit := getattr(request.state, "commit", ""):
        headers["X-Repo-Commit"] = commit  # Clients cache that this revision lacks the file.
    parts: Sequence[ServerPart] = request.app.state.error_writers
    for part in parts:
        if (made := part.error_response(request, status, message, headers, error)) is not None:
            return made
    if "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/"):
        context = {"status": status, "phrase": HTTPStatus(status).phrase, "message": message}
        return render("error.html", context, request=request, status=status, headers=headers)
    return JSONResponse({"error": message}, status, headers)


def _in_header(message: str) -> str:
    """Return a message as printable ASCII of bounded length: servers drop the connection rather than send control characters."""
    written = _BLANKS.sub(" ", message[:_MAX_HEADER]).strip().encode("ascii", "backslashreplace").decode()
    return written if len(message) <= _MAX_HEADER >= len(written) else f"{written[: _MAX_HEADER - 3]}..."


def _request_id(request: Request) -> str:
    return str(getattr(request.state, "request_id", "-"))


def _internal_error(request: Request) -> str:
    return f"Internal server error, logged as {_request_id(request)}."
