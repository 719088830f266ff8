"""One row of a table of addresses, the parts of a path that many rows share, and the function that registers rows.

`server.routes` is the table of the core. Optional features keep a tuple `ROUTES` of the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fastapi import FastAPI
from starlette.convertors import StringConvertor, register_url_convertor


@dataclass(frozen=True, slots=True)
class Address:
    """A path, the methods that it answers, and the function that answers them."""

    methods: str
    """Separated by spaces. GET answers HEAD as well, with the same headers."""
    path: str
    endpoint: Callable[..., Any]
    document: Mapping[str, Any] | None = None
    """Arguments of FastAPI's `add_api_route` that describe it: `server.openapi.document` writes them for our own API."""


def register(app: FastAPI, addresses: Iterable[Address]) -> None:
    """Add addresses in this order: the first one that matches a request answers it."""
    for each in addresses:
        methods = each.methods.split()
        if "GET" in methods and "HEAD" not in methods:
            methods.append("HEAD")
        app.add_api_route(each.path, each.endpoint, methods=methods, **(each.document or {"include_in_schema": False}))


def below(prefix: str, *addresses: Address) -> tuple[Address, ...]:
    """The same addresses below a prefix."""
    return tuple(replace(each, path=prefix + each.path) for each in addresses)


class Repository(StringConvertor):
    """`{repository:repository}`: `owner/name`, or a bare `name`, which is looked up as the command line does."""

    regex = "(?:[^/]+/)?[^/]+"


class Collection(StringConvertor):
    """`{collection:collection}`: models or data sets, in addresses of the Hub's API."""

    regex = "models|datasets"


class Prefix(StringConvertor):
    """`{collection:prefix}`: `datasets/` before a data set's name, nothing before a model's, in addresses of pages and files."""

    regex = "datasets/|(?!datasets/)"

    def convert(self, value: str) -> str:
        """The same words as `Collection` has."""
        return value.removesuffix("/") or "models"


register_url_convertor("repository", Repository())
register_url_convertor("collection", Collection())
register_url_convertor("prefix", Prefix())
