"""GET /datasets/{owner}/{name}/viewer: the images of a data set with their names in a chosen language."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import Request
from starlette.responses import Response

from hub.catalogue.named_images import FILTERS, TABLES, ImageTables, RowQuery, is_browsable, open_tables
from hub.errors import InvalidRequest, UnknownFile, UnknownLanguage
from hub.languages import parse_language
from hub.local import LocalHub
from hub.records import Artifact
from server.auth.access import Hub, ReadableArtifact, require_download
from server.http.urls import Segment, commit_id, file_path, image_path, with_parameters
from server.pages import formatting
from server.pages.artifact.frame import VIEWER, find_shown, render_tab, shown_revision
from server.protocol.read.resolve import FILE_POLICY
from server.site.translation import gettext_noop

PAGE = 60
"""Images of a page: a multiple of the usual numbers of columns."""
DEFAULT = "en"
MAX_OFFSET = 1_000_000
_LONGEST = 200
_FOREVER = "max-age=31536000, immutable"
_LABELS = {"split": gettext_noop("Split"), "role": gettext_noop("Role"), "group": gettext_noop("Group")}


def show_viewer(request: Request, hub: Hub) -> Response:
    """Show a page of the images. An invalid filter is reported above the form, which keeps the typed values."""
    artifact = find_shown(request, hub)
    if isinstance(artifact, Response):
        return artifact
    require_download(request, hub, artifact)
    tables = _tables(hub, artifact)
    known = tables.languages()
    typed = {name: request.query_params.get(name, "").strip()[:_LONGEST] for name in ("lang", *FILTERS, "text")}
    query, problem, suggestions = RowQuery(language=DEFAULT if DEFAULT in known else next(iter(known))), "", ()
    try:
        query = _query(request, typed, known, query)
    except (InvalidRequest, UnknownLanguage) as error:
        problem, suggestions = str(error), tuple(getattr(error, "suggestions", ()))
    found = tables.rows(query)
    shown = shown_revision(hub, artifact, "main")
    named = formatting.language(query.language)
    context: dict[str, Any] = {
        "typed": {**typed, "lang": query.language}, "problem": problem, "suggestions": suggestions, "named": named,
        "languages": sorted(map(formatting.language, known), key=lambda each: each.english),
        "filters": [(name, _LABELS[name], found.facets[name]) for name in FILTERS],
        "found": found, "images": [image_path(artifact, each.concept) for each in found.rows],
        "first": query.offset + 1, "last": query.offset + len(found.rows), "total": found.total,
        "previous": _page(request, query.offset - PAGE) if query.offset else "",
        "next": _page(request, query.offset + PAGE) if query.offset + PAGE < found.total else "",
        "all_rows": with_parameters(request, split=None, role=None, group=None, text=None, offset=None),
        "json": _json(request, artifact, query),
        "tables": [(each, file_path(artifact, shown, each)) for each in TABLES],
    }  # fmt: skip
    response = render_tab("artifact/viewer.html", VIEWER, request, hub, artifact, shown, context)
    response.status_code = 400 if problem else 200
    return response


def send_image(hub: Hub, artifact: ReadableArtifact, revision: Segment, image: Segment) -> Response:
    """Return one image of a data set's newest revision. Raises UnknownFile for another revision or image."""
    tables = _tables(hub, artifact)
    stem, dot, suffix = image.rpartition(".")
    content = tables.image(stem) if dot and suffix == "webp" and revision == commit_id(artifact.revision) else None
    if content is None:
        raise UnknownFile(image, listing=f"hub show {artifact.name}")
    visibility = "private" if artifact.private or artifact.gated else "public"
    headers = {"Cache-Control": f"{visibility}, {_FOREVER}", "Content-Security-Policy": FILE_POLICY}
    return Response(content, media_type="image/webp", headers=headers)


def _tables(hub: LocalHub, artifact: Artifact) -> ImageTables:
    if not is_browsable(hub.registry, artifact):
        raise UnknownFile("viewer", listing=f"hub show {artifact.name}", more=" Its files are on the page Files.")
    return open_tables(hub.registry, hub.store, hub.home.caches, artifact)


def _query(request: Request, typed: dict[str, str], known: dict[str, int], default: RowQuery) -> RowQuery:
    """Return the query of a request. Raises UnknownLanguage and InvalidRequest."""
    language = parse_language(typed["lang"]) if typed["lang"] else default.language
    if language not in known:
        raise UnknownLanguage(typed["lang"], known, listing="the list beside")
    number = request.query_params.get("offset", "0")
    if not number.isdecimal() or len(number) > 7 or int(number) > MAX_OFFSET:
        raise InvalidRequest(f"`offset` must be a whole number up to {MAX_OFFSET}, not `{number[:20]}`.")
    filters = {name: typed[name] for name in FILTERS}
    return replace(default, language=language, text=typed["text"], offset=int(number), limit=PAGE, **filters)


def _page(request: Request, offset: int) -> str:
    return with_parameters(request, offset=max(0, offset) or None)


def _json(request: Request, artifact: Artifact, query: RowQuery) -> str:
    """Return the address of the shown rows as JSON."""
    parameters = with_parameters(request, lang=query.language, limit=PAGE)
    return f"/api/v1/artifacts/{artifact.name}/rows?{parameters.partition('?')[2]}"
