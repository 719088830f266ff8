"""GET /api: the reference of our API, from the OpenAPI document of this server."""

from __future__ import annotations

import re
from typing import Any

from fastapi import FastAPI, Request
from markupsafe import Markup, escape
from starlette.responses import Response

from server.openapi.document import PATH, TAGS
from server.openapi.read_operations import TypePart, operations_of, schemas_of
from server.pages.rendering import render

_CODE = re.compile(r"`([^`]+)`")


def show_api(request: Request) -> Response:
    """Show every operation of the API of this server, optional parts included, and the schemas of what they take and return."""
    context = {**_contents(request.app), "document_path": PATH, "with_code": _with_code, "type_name": _type_name}
    return render("about/api_reference.html", context, request=request)


def _contents(app: FastAPI) -> dict[str, Any]:
    """Read the document once: it does not change while the server runs."""
    if not hasattr(app.state, "api_reference"):
        document = app.openapi()
        groups = [(tag, meaning, operations_of(document, tag)) for tag, meaning in TAGS.items()]
        app.state.api_reference = {
            "paragraphs": document["info"]["description"].strip().split("\n\n"),
            "groups": [group for group in groups if group[2]],
            "schemas": schemas_of(document),
        }
    contents: dict[str, Any] = app.state.api_reference
    return contents


def _with_code(text: str) -> Markup:
    """Return a text as HTML; words in backticks are code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - the text is escaped


def _type_name(parts: tuple[TypePart, ...]) -> Markup:
    """Return the name of a type, with links to schemas."""
    link = Markup('<a href="#schema-{0}">{0}</a>')
    return Markup("").join(link.format(each.text) if each.is_schema else escape(each.text) for each in parts)
