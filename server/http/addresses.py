"""Addresses of the server: how path segments are read and how links are written.

Revisions such as `refs/pr/1` arrive as one segment, `refs%2Fpr%2F1`. Routes are therefore matched on the encoded
path (`server.http.middleware.EncodedPath`) and every parameter is decoded afterwards, here.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote, unquote, urlencode

from fastapi import Request
from pydantic import AfterValidator
from starlette.datastructures import QueryParams

from hub.names import COMMIT_DIGITS
from hub.records import Artifact, Revision

Segment = Annotated[str, AfterValidator(unquote)]
"""A path parameter, percent-decoded."""


def commit_id(revision_id: str) -> str:
    """The first 40 digits of a revision's id."""
    return revision_id[:COMMIT_DIGITS]


def is_dataset(artifact: Artifact) -> bool:
    """Whether the artifact lives under `/datasets/`, as on the Hugging Face Hub."""
    return artifact.kind == "dataset"


def page_path(artifact: Artifact, revision: Revision | None = None) -> str:
    """Path of an artifact's page, of one revision when given."""
    path = f"/datasets/{artifact.name}" if is_dataset(artifact) else f"/{artifact.name}"
    return f"{path}/tree/{commit_id(revision.id)}" if revision else path


def file_path(artifact: Artifact, revision: Revision, path: str) -> str:
    """Path from which one file of one revision is downloaded; never changes its content."""
    return f"{page_path(artifact)}/resolve/{commit_id(revision.id)}/{quote(path)}"


def with_parameters(request: Request, **changes: str | int | None) -> str:
    """The request's own address with some query parameters set, or removed by None."""
    return _join(request.url.path, request.query_params, changes)


def absolute(request: Request, path: str) -> str:
    """A path on the host that the client asked, whatever proxies stand between."""
    return str(request.base_url).rstrip("/") + path


def _join(path: str, parameters: QueryParams, changes: dict[str, str | int | None]) -> str:
    kept = [(key, value) for key, value in parameters.multi_items() if key not in changes and value]
    added = [(key, str(value)) for key, value in changes.items() if value not in (None, "")]
    query = urlencode(kept + added)
    return f"{path}?{query}" if query else path
