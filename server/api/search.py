"""GET /api/v1/search."""

from __future__ import annotations

from fastapi import Request

from server.access import Hub
from server.addresses import absolute, with_parameters
from server.identity import caller_of
from server.query import PARAMETERS as SEARCH_PARAMETERS
from server.query import read_query
from server.wire import SearchBody

__all__ = ["SEARCH_PARAMETERS", "search_artifacts"]


def search_artifacts(request: Request, hub: Hub) -> SearchBody:
    """Artifacts that match, best measured score first, with their total and facet counts."""
    query = read_query(request.query_params, caller_of(request, hub).owners())
    page = hub.registry.find(query)
    reached = query.offset + len(page.items)
    more = page.items and reached < page.total
    return SearchBody.of(page, absolute(request, with_parameters(request, offset=reached)) if more else None)
