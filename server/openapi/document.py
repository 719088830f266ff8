"""The OpenAPI document of our own API: what each address takes and answers, with examples, errors included."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute, Route

from server.http.routing import Address
from server.http.wire import ErrorBody

ADDRESS = "/api/v1/openapi.json"
TOKEN = "token"  # noqa: S105 - the name of the scheme
_ABOUT = """The registry of language modules for frozen text-to-image models.

Every error is `{"error": "…"}` with one line that says what was asked, what was found and what to do next. Lists come in
pages: give `cursor` of one page for the next. A token is sent as `Authorization: Bearer TOKEN`; reading public artifacts
needs none. Hugging Face's own clients speak to the addresses beside these, which its documentation describes.
"""
TAGS = {
    "search": "Find artifacts and languages.",
    "artifacts": "One artifact: its revisions, files and tensors, aliases and withdrawals.",
    "scores": "What was measured, by whom, and who leads.",
    "choose": "What fits, what compares, what to use.",
    "webhooks": "Be told what happens: made here, or by Hugging Face's client.",
    "operate": "For those who run the server.",
}
_ERRORS = {
    400: ("A request that cannot be.", "`limit` must be a whole number from 1 to 100, not `many`."),
    401: ("Nobody, or a token that is none.", "Log in first: send a token, as `hf auth login` does."),
    403: ("An account or a token that may not.", "`ada` may not administer `linguahub/mulan-yo`."),
    404: (
        "There is no such thing, or not for this caller.",
        "no artifact is called `mulan-yoo`. Did you mean `mulan-yo`?",
    ),
    409: ("Somebody else was first, or the name is taken.", "`ada/mulan-yo` already has a tag `@stable`."),
    413: ("A body that is too large.", "a body has at most 8388608 bytes here."),
    422: (
        "A path that no repository may hold.",
        "'../x' is no path inside a repository: use `folder/file`, without `..`.",
    ),
    429: ("Too many requests.", "too many requests: try again in 12 s."),
    501: ("A part of the Hugging Face Hub that this server has not.", "jobs are not served here."),
    503: ("Not ready: database or store do not answer.", "the store does not answer."),
}


def documented(
    method: str,
    path: str,
    endpoint: Callable[..., Any],
    body: type[Any] | None,
    *,
    tag: str,
    errors: Sequence[int] = (),
    login: bool = False,
    status: int = 200,
    parameters: Sequence[dict[str, Any]] = (),
    media: str = "application/json",
    example: Any = None,
    moves: bool = False,
    also: Mapping[int, type[Any]] | None = None,
) -> Address:
    """The row of an address below /api/v1, with what the document says of it.

    `login` is for what nobody may do without a token, `moves` for what an artifact's old name leads away from; `also` are
    answers with a body of their own.
    """
    # Wrong parameters, a token that is none and too many requests can happen everywhere.
    may = sorted({*errors, 400, 401, 429} | ({403} if login else set()))
    done: dict[str, Any] = {"model": body} if body is not None else {"content": {media: {"schema": {"type": "string"}}}}
    if example is not None:
        done.setdefault("content", {}).setdefault(media, {})["examples"] = {"answer": {"value": example}}
    moved = {"description": "Ask at `Location`, with the same method and body: the artifact has another name."}
    answers: dict[int | str, dict[str, Any]] = {
        status: {"description": "Done.", **done},
        **{each: _error(each) for each in may},
        **{each: {"description": _ERRORS[each][0], "model": model} for each, model in (also or {}).items()},
        **({307: moved} if moves else {}),
    }
    extra: dict[str, Any] = {"security": [{TOKEN: []}] if login else [{}, {TOKEN: []}]}
    if parameters:
        extra["parameters"] = list(parameters)
    document = {
        "status_code": status, "response_model": None, "responses": answers, "openapi_extra": extra, "tags": [tag],
        "operation_id": endpoint.__name__,
    }  # fmt: skip
    return Address(method, f"/api/v1{path}", endpoint, document)


def query_parameter(name: str, meaning: str, schema: dict[str, Any], *, required: bool = False) -> dict[str, Any]:
    """A parameter of the query string."""
    return {"name": name, "in": "query", "required": required, "description": meaning, "schema": schema}


def install(app: FastAPI) -> None:
    """Make `app` write this document."""

    def write() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _write(app)
        return app.openapi_schema

    app.openapi = write  # type: ignore[method-assign]  # FastAPI's documented way


def _write(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title="linguahub", version="1", description=_ABOUT, routes=[_shown(each) for each in app.routes],
        tags=[{"name": name, "description": meaning} for name, meaning in TAGS.items()],
    )  # fmt: skip
    components = document.setdefault("components", {})
    components["securitySchemes"] = {
        TOKEN: {"type": "http", "scheme": "bearer", "description": "`hub admin token create`"}
    }
    # FastAPI's own answer to wrong parameters: here it leaves as 400, in our envelope.
    for name in ("HTTPValidationError", "ValidationError"):
        components.get("schemas", {}).pop(name, None)
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _name_parameters(path, operation)
            answers = operation["responses"]
            answers.get("307", {}).pop("content", None)
            if "HTTPValidationError" in str(answers.get("422", "")):
                del answers["422"]
    return document


def _shown(route: BaseRoute) -> BaseRoute:
    """A route as the document has it: HEAD goes without saying."""
    shown = copy(route)
    if isinstance(shown, Route):
        shown.methods = (shown.methods or set()) - {"HEAD"}
    return shown


def _name_parameters(path: str, operation: dict[str, Any]) -> None:
    """Parameters of the path that an endpoint reads from the request itself, and FastAPI does not know."""
    listed = operation.setdefault("parameters", [])
    known = {each["name"] for each in listed if each["in"] == "path"}
    listed += [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "maxLength": 256}}
        for name in re.findall(r"{(\w+)}", path)
        if name not in known
    ]


def _error(status: int) -> dict[str, Any]:
    meaning, example = _ERRORS[status]
    return {
        "model": ErrorBody,
        "description": meaning,
        "content": {"application/json": {"examples": {"error": {"value": {"error": example}}}}},
    }
