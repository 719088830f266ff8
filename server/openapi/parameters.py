"""Parameters that endpoints of our API share: the artifact in the path, revisions, fields of bodies."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Request
from pydantic import AfterValidator, Field, StringConstraints

from hub.errors import InvalidRequest, UnknownLanguage
from hub.languages import parse_language
from hub.names import LENGTH
from hub.records import Artifact
from server.auth.access import Hub, get_artifact, get_by_any_name, is_dataset_request, requested_name
from server.auth.caller import caller_of, require_write
from server.http.urls import Segment

_PART = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
Owner = Annotated[
    str, Path(pattern=_PART, max_length=LENGTH, description="Owner of the artifact.", examples=["linguahub"])
]
Name = Annotated[
    str, Path(pattern=_PART, max_length=LENGTH, description="Name of the artifact.", examples=["mulan-yo"])
]
RevisionName = Annotated[
    Segment,
    Path(
        description="`main`, an alias, a branch, a tag, a revision number, or the first digits of an id.",
        max_length=256,
        examples=["main"],
    ),
]
_PLAIN = r"^[^\x00-\x1f\x7f]*$"
"""Text without control characters, which is safe to print on a terminal."""
Word = Annotated[str, StringConstraints(pattern=_PLAIN, max_length=200)]
Line = Annotated[str, StringConstraints(pattern=_PLAIN, min_length=1, max_length=1000)]
Digits = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Whole = Annotated[int, Field(ge=0, lt=1 << 63)]
Number = Annotated[float, Field(allow_inf_nan=False)]


def _artifact(request: Request, hub: Hub, owner: Owner, name: Name) -> Artifact:  # noqa: ARG001 - for the document
    """Return the artifact in the path: a model, or the data set if there is no such model or the path names it. To read, a base may be
    named by its repository upstream.

    Raises UnknownArtifact, also if the caller cannot see it.
    """
    get = get_by_any_name if request.method == "GET" else get_artifact
    return get(hub, requested_name(request), request, is_dataset=is_dataset_request(request) or None)


def _writable_artifact(request: Request, hub: Hub, owner: Owner, name: Name) -> Artifact:
    """Return the artifact in the path if the caller has write access. Raises Unauthenticated or Forbidden."""
    artifact = _artifact(request, hub, owner, name)
    require_write(caller_of(request, hub), artifact.name)
    return artifact


ApiArtifact = Annotated[Artifact, Depends(_artifact)]
WritableApiArtifact = Annotated[Artifact, Depends(_writable_artifact)]


def _language(text: str) -> str:
    try:
        return parse_language(text) if text else ""
    except UnknownLanguage as error:
        raise InvalidRequest(str(error)) from error


Language = Annotated[str, StringConstraints(pattern=_PLAIN, max_length=100), AfterValidator(_language)]
"""A language tag or name, parsed. Raises InvalidRequest for unknown ones."""
