"""Yes and no in a query string: newer clients write `true`, older ones `True`."""

from __future__ import annotations

from fastapi import Request


def is_true(request: Request, name: str) -> bool:
    """Whether the parameter is given as true."""
    return request.query_params.get(name, "").lower() in {"true", "1"}
