"""GET /api/v1/search."""

from __future__ import annotations

from fastapi import Request
from starlette.datastructures import QueryParams
from starlette.responses import Response

from server.auth.access import Hub
from server.auth.caller import caller_of
from server.http.paging import behind, cursor_behind
from server.http.response_bodies import answer, searched
from server.http.search_parameters import read_query
from server.http.urls import absolute, with_parameters


def search_artifacts(request: Request, hub: Hub) -> Response:
    """Search artifacts, best measured score first, with total and facet counts."""
    given = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    query = read_query(QueryParams(given), caller_of(request, hub).owners(), scores="best")
    if cursor := request.query_params.get("cursor", ""):
        query = behind(request, query, cursor)
    page = hub.registry.find(query)
    following = cursor_behind(request, query, page)
    address = with_parameters(request, cursor=following, offset=None) if following else ""
    return answer(searched(page, following, absolute(request, address) if address else None))
