"""GET /api/v1/search: search artifacts."""

from __future__ import annotations

from fastapi import Request
from starlette.datastructures import QueryParams
from starlette.responses import Response

from server.auth.access import Hub
from server.auth.caller import caller_of
from server.http.paging import cursor_after, query_at
from server.http.response_bodies import json_response, search_body
from server.http.search_parameters import read_query
from server.http.urls import absolute, with_parameters


def search_artifacts(request: Request, hub: Hub) -> Response:
    """Search artifacts, best reproduced score first, with total and facet counts.

    Raises UnknownLanguage, and InvalidRequest for unknown parameters and invalid values.
    """
    given = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    query = read_query(QueryParams(given), caller_of(request, hub).readers(), scores="best")
    if cursor := request.query_params.get("cursor", ""):
        query = query_at(request, query, cursor)
    page = hub.registry.find(query)
    next_cursor = cursor_after(request, query, page)
    address = with_parameters(request, cursor=next_cursor, offset=None) if next_cursor else ""
    return json_response(search_body(page, next_cursor, absolute(request, address) if address else None))
