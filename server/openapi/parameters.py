"""Parameters that several endpoints of our API share: the artifact of the path, revisions, fields of bodies."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Request
from pydantic import AfterValidator, Field, StringConstraints

from hub.errors import InvalidRequest, UnknownLanguage
from hub.languages import parse_language
from hub.names import LENGTH
from hub.records import Artifact
from server.auth.access import Hub, get_artifact, requested_name
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
        description="`main`, an alias, a branch, a tag, a number, or the first digits of an id.",
        max_length=256,
        examples=["main"],
    ),
]
_PLAIN = r"^[^\x00-\x1f\x7f]*$"
"""One line without control characters, so that it is safe to print on a terminal."""
Word = Annotated[str, StringConstraints(pattern=_PLAIN, max_length=200)]
Line = Annotated[str, StringConstraints(pattern=_PLAIN, min_length=1, max_length=1000)]
Digits = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Whole = Annotated[int, Field(ge=0, lt=1 << 63)]
Number = Annotated[float, Field(allow_inf_nan=False)]


def _named(request: Request, hub: Hub, owner: Owner, name: Name) -> Artifact:  # noqa: ARG001 - for the document
    """Return the artifact of the path, of any kind. Raises UnknownArtifact, also if the caller may not see it."""
    return get_artifact(hub, requested_name(request), request)


def _own(request: Request, hub: Hub, owner: Owner, name: Name) -> Artifact:
    """Return the artifact of the path if the caller may commit to it. Raises Unauthenticated or Forbidden."""
    artifact = _named(request, hub, owner, name)
    require_write(caller_of(request, hub), artifact.name)
    return artifact


ApiArtifact = Annotated[Artifact, Depends(_named)]
WritableApiArtifact = Annotated[Artifact, Depends(_own)]


def _language(text: str) -> str:
    try:
        return parse_language(text) if text else ""
    except UnknownLanguage as error:
        raise InvalidRequest(str(error)) from error


Language = Annotated[str, StringConstraints(pattern=_PLAIN, max_length=100), AfterValidator(_language)]
"""A language's tag or name, parsed. Raises InvalidRequest."""
