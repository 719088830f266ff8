"""Write the OpenAPI document of our API: parameters, responses and errors of each route, with examples."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from server.http.response_bodies import Body, ErrorBody
from server.http.routing import RouteSpec, StrictRoute, documented_route_of

PATH = "/api/v1/openapi.json"
TOKEN = "token"  # noqa: S105 - the name of the scheme
_DESCRIPTION = """A registry of language modules for frozen text-to-image models.

Every error is `{"error": "…"}` with one line: what was requested, what was found and what to do next. Lists are
paginated: pass the `cursor` of a page to get the next one. Send a token as `Authorization: Bearer TOKEN`; public artifacts need
no token. Hugging Face clients use the Hub API, which Hugging Face documents.
"""
TAGS = {
    "search": "Find artifacts and languages.",
    "artifacts": "Artifacts with their revisions, files, tensors and aliases.",
    "scores": "Scores, disputes and leaderboards.",
    "choose": "Compatibility, comparisons and advice.",
    "try": "Generate images of a prompt on this server.",
    "webhooks": "Webhooks, including those created with Hugging Face's client.",
    "operate": "Administration, health and metrics of the server.",
}
_ERRORS = {
    400: ("Invalid request.", "`limit` must be a whole number from 1 to 100, not `many`."),
    401: ("Not logged in, or an invalid token.", "Not logged in. Set HF_TOKEN or run `hf auth login`."),
    403: ("Permission denied.", "`ada` doesn't have permission to administer `linguahub/mulan-yo`."),
    404: ("Not found, or not visible to the caller.", "no artifact is called `mulan-yoo`. Did you mean `mulan-yo`?"),
    409: ("Conflict with another change, or the name is taken.", "`ada/mulan-yo` already has a tag `@stable`."),
    413: ("The request body is too large.", "the request body is larger than the limit of 8388608 bytes."),
    422: (
        "Invalid path in a repository.",
        "'../x' is not a path inside a repository: use `folder/file`, without `..`.",
    ),
    429: ("Too many requests.", "too many requests: try again in 12 s."),
    501: ("Not supported by this server.", "jobs are not supported."),
    503: ("Not ready: the database or the store does not respond.", "the store does not respond."),
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
) -> RouteSpec:
    """Return a route below /api/v1 with its part of the OpenAPI document.

    `login` means that it needs a token, `moves` that former names are redirected; `also` maps further statuses to their bodies.
    """
    # Any request can have invalid parameters or an invalid token, or exceed the rate limit.
    statuses = sorted({*errors, 400, 401, 429} | ({403} if login else set()))
    done: dict[str, Any] = {"model": body} if body is not None else {"content": {media: {"schema": {"type": "string"}}}}
    if example is not None:
        done.setdefault("content", {}).setdefault(media, {})["examples"] = {"response": {"value": example}}
    moved = {"description": "The artifact was renamed: repeat the request at `Location` with the same method and body."}
    responses: dict[int | str, dict[str, Any]] = {
        status: {"description": "Redirect to the artifact." if status == 307 else "Success.", **done},
        **{each: _error(each) for each in statuses},
        **{each: {"description": _ERRORS[each][0], "model": model} for each, model in (also or {}).items()},
        **({307: moved} if moves and status != 307 else {}),
    }
    extra: dict[str, Any] = {"security": [{TOKEN: []}] if login else [{}, {TOKEN: []}]}
    if parameters:
        extra["parameters"] = list(parameters)
    document = {
        "status_code": status, "response_model": None, "responses": responses, "openapi_extra": extra, "tags": [tag],
        "operation_id": endpoint.__name__,
    }  # fmt: skip
    return RouteSpec(method, f"/api/v1{path}", endpoint, document)


def install(app: FastAPI, root_path: str = "") -> None:
    """Make `app` serve the document. Its paths begin with `root_path`."""

    def write() -> dict[str, Any]:
        if app.openapi_schema is None:
            specs = (each.spec for each in app.routes if isinstance(each, StrictRoute) and each.include_in_schema)
            app.openapi_schema = _write(tuple(specs)) | ({"servers": [{"url": root_path}]} if root_path else {})
        return app.openapi_schema

    app.openapi = write  # type: ignore[method-assign]  # FastAPI's documented way


@cache
def _write(specs: tuple[RouteSpec, ...]) -> dict[str, Any]:
    """Return the document of these routes, which applications share: to write it takes a second."""
    for body in Body.__subclasses__():
        body.model_rebuild()
    document = get_openapi(
        title="linguahub", version="1", description=_DESCRIPTION,
        routes=[documented_route_of(each) for each in specs],
        tags=[{"name": name, "description": meaning} for name, meaning in TAGS.items()],
    )  # fmt: skip
    components = document.setdefault("components", {})
    components["securitySchemes"] = {
        TOKEN: {
            "type": "http",
            "scheme": "bearer",
            "description": "A token from the settings page or `hub admin token create`.",
        }
    }
    # FastAPI's default response to invalid parameters; this server returns 400 in our own format.
    for name in ("HTTPValidationError", "ValidationError"):
        components.get("schemas", {}).pop(name, None)
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _name_parameters(path, operation)
            # Docstrings of endpoints name exceptions in a last paragraph; callers of the API see statuses.
            if "description" in operation:
                operation["description"] = operation["description"].partition("\n\nRaises ")[0]
            responses = operation["responses"]
            responses.get("307", {}).pop("content", None)
            if "HTTPValidationError" in str(responses.get("422", "")):
                del responses["422"]
            for response in responses.values():
                if len(content := response.get("content", {})) > 1 and content.get("application/json") in (
                    {},
                    {"schema": {}},
                ):
                    del content["application/json"]  # FastAPI's default, beside the media type that the route declares.
    return document


def _name_parameters(path: str, operation: dict[str, Any]) -> None:
    """Add the path parameters that FastAPI does not know because the endpoint reads them from the request."""
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
