"""Decode path segments and write URLs.

Revisions such as `refs/pr/1` arrive as one segment, `refs%2Fpr%2F1`. So routes are matched on the encoded path
(`server.http.middleware.EncodedPath`), and each parameter is decoded here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import quote, unquote, urlencode

from fastapi import Request
from pydantic import AfterValidator

from hub.names import COMMIT_DIGITS
from hub.records import Artifact, Repository, Revision

Segment = Annotated[str, AfterValidator(unquote)]
"""A path parameter, percent-decoded."""


def commit_id(revision_id: str) -> str:
    """Return the first 40 digits of a revision's id."""
    return revision_id[:COMMIT_DIGITS]


def page_path(artifact: Repository, revision: Revision | None = None) -> str:
    """Return the path of the page of an artifact or of one of its revisions."""
    path = f"/{artifact.name}"
    return f"{path}/tree/{commit_id(revision.id)}" if revision else path


def view_path(artifact: Repository, view: str, revision: str, path: str = "") -> str:
    """Return the path of a page below that of an artifact: `blob`, `raw`, `tree`, `commit` or `commits` of a revision."""
    return f"{page_path(artifact)}/{view}/{quote(revision, safe='')}{f'/{quote(path)}' if path else ''}"


def image_path(artifact: Artifact, concept: str) -> str:
    """Return the path of an image of a data set's newest revision. Its content never changes."""
    return view_path(artifact, "viewer", commit_id(artifact.revision), f"{concept}.webp")


def file_path(artifact: Repository, revision: Revision, path: str) -> str:
    """Return the download path of a file of a revision. Its content never changes."""
    return f"{page_path(artifact)}/resolve/{commit_id(revision.id)}/{quote(path)}"


def with_parameters(request: Request, **changes: str | int | Sequence[str] | None) -> str:
    """Return the path of the request with some query parameters set, repeated for several values, or removed with None."""
    parameters = request.query_params.multi_items()
    kept = [(key, value) for key, value in parameters if key not in changes and value]
    for key, value in changes.items():
        values = [str(value)] if isinstance(value, str | int) else value or ()
        kept += [(key, each) for each in values if each]
    query = urlencode(kept)
    return f"{request.url.path}?{query}" if query else request.url.path


def absolute(request: Request, path: str) -> str:
    """Return the URL of a path on the host that the client has used, also behind proxies."""
    return str(request.base_url).rstrip("/") + path
