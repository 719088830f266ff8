"""Turn exceptions into responses: one JSON envelope, `{"error": "…"}`, or a page for browsers.

Hugging Face clients decide by the header `X-Error-Code`; without a body (HEAD) they show `X-Error-Message`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Match

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
from server.auth.access import AnsweredByPart, Moved
from server.auth.csrf_forms import LogInFirst
from server.http.middleware import add_headers
from server.pages.login import lead_to_login
from server.pages.rendering import render
from server.part import ServerPart

CODES: dict[type[HubError], str] = {
    UnknownArtifact: "RepoNotFound",
    UnknownRevision: "RevisionNotFound",
    UnknownFile: "EntryNotFound",
    Gated: "GatedRepo",
    NotServed: "NotImplemented",
}
"""Values of `X-Error-Code`, which the client maps to RepositoryNotFoundError and so on."""
_SHOWN_ERRORS = (NotServed, OverQuota, UpstreamDown)
"""Errors with a status of 500 or more whose message the client may see: it helps, and names nothing of this machine."""
_log = logging.getLogger("server.errors")


def install(app: FastAPI) -> None:
    """Register the handlers of every error of the application."""
    app.add_exception_handler(HubError, _hub_error)
    app.add_exception_handler(AnsweredByPart, _elsewhere)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(LogInFirst, lead_to_login)
    app.add_exception_handler(Moved, _moved)
    app.add_exception_handler(RequestValidationError, _wrong_parameters)
    app.add_exception_handler(Exception, _crash)


async def _hub_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HubError)
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, _SHOWN_ERRORS):
        # The message may name folders of this machine: it belongs in the log, not in the response.
        _log.error("%s %s: %s", _request_id(request), type(error).__name__, error)
        if isinstance(error, DiskFull):
            # Xet's client retries any 5xx for minutes, so it gets the nearest status below.
            status = 413 if request.url.path.startswith("/cas/") else error.status
            full = "the server's disk is full: nothing was stored. Ask its administrator to free space, then try again."
            return answer(request, status, full)
        return answer(request, error.status, _internal_error(request))
    if isinstance(error, RateLimited):
        return answer(request, error.status, str(error), {"Retry-After": str(error.wait_s)})
    code = next((code for known, code in CODES.items() if isinstance(error, known)), None)
    return answer(request, error.status, str(error), {"X-Error-Code": code} if code else {}, error=error)


async def _elsewhere(request: Request, error: Exception) -> Response:
    """Let the part answer for its repository."""
    assert isinstance(error, AnsweredByPart)
    try:
        return await error.answer(request)
    except HubError as refused:
        return await _hub_error(request, refused)


async def _moved(request: Request, error: Exception) -> Response:
    """Redirect to the same address with the new name; clients follow with method and body."""
    assert isinstance(error, Moved)
    address = request.url.path.replace(f"/{error.old}", f"/{error.new}", 1)
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(address + query, HTTPStatus.TEMPORARY_REDIRECT, {"Cache-Control": "no-store"})


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = _allowed(request)
    return answer(request, error.status_code, str(error.detail), headers)


def _allowed(request: Request) -> str:
    """Return every method of an address: Starlette names only those of the first matching route."""
    found = set[str]()
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            found |= getattr(route, "methods", None) or set()
    return ", ".join(sorted(found))


async def _wrong_parameters(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = "; ".join(f"`{'.'.join(map(str, each['loc'][1:]))}`: {each['msg']}" for each in error.errors())
    return answer(request, HTTPStatus.BAD_REQUEST, f"wrong parameters: {problems}.")


async def _crash(request: Request, _error: Exception) -> Response:
    """Answer 500. Starlette logs the traceback and answers from outside the middleware, so the headers are added here."""
    response = answer(request, HTTPStatus.INTERNAL_SERVER_ERROR, _internal_error(request))
    add_headers(MutableHeaders(raw=response.raw_headers), _request_id(request))
    return response


def answer(
    request: Request,
    status: int,
    message: str,
    headers: dict[str, str] | None = None,
    *,
    error: HubError | None = None,
) -> Response:
    """Return an error as the JSON envelope, as a page, or in the format of a client that a part knows."""
    in_ascii = " ".join(message.split()).encode("ascii", "backslashreplace").decode()  # Headers are Latin-1 at best.
    headers = {"X-Error-Message": in_ascii, "Cache-Control": "no-store", **(headers or {})}
    if commit := getattr(request.state, "commit", ""):
        headers["X-Repo-Commit"] = commit  # Lets a client remember that this revision lacks the file.
    parts: Sequence[ServerPart] = request.app.state.error_writers
    for part in parts:
        if (made := part.error_response(request, status, message, headers, error)) is not None:
            return made
    if "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/"):
        context = {"status": status, "phrase": HTTPStatus(status).phrase, "message": message}
        return render("error.html", context, request=request, status=status, headers=headers)
    return JSONResponse({"error": message}, status, headers)


def _request_id(request: Request) -> str:
    return str(getattr(request.state, "request_id", "-"))


def _internal_error(request: Request) -> str:
    return f"Internal server error, logged as {_request_id(request)}."
