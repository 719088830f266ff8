"""…/revisions, …/diff and …/aliases: list and compare revisions, yank them, and manage aliases."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from hub.names import Digest
from hub.publish.commit import yank
from hub.publish.diff import ChangedTensor, diff_revisions, to_json
from hub.publish.publish import drain_outbox
from hub.registry.artifacts.aliases import PATTERN, Alias, aliases, delete_alias, set_alias
from server.api.artifacts.artifacts import FileBody, RevisionBody, file_bodies, names_of_revisions, revision_body
from server.auth.access import Hub
from server.auth.caller import actor_of, caller_of
from server.http.response_bodies import Body, json_response
from server.http.urls import Segment
from server.openapi.parameters import ApiArtifact, Line, RevisionName, Word, WritableApiArtifact

AliasName = Annotated[
    Segment, Path(pattern=f"^({PATTERN}|%40{PATTERN[1:]})$", description="`@` and a name.", examples=["@stable"])
]


class RevisionsBody(Body):
    """Revisions, newest first."""

    artifact: str
    revisions: list[RevisionBody]


class ManifestBody(Body):
    """The manifest whose SHA-256 is the revision's id."""

    artifact: str
    created_at: datetime | None
    files: list[FileBody]
    message: str
    parent: str


class ChangedFileBody(Body):
    """A file that differs between two revisions."""

    path: str
    change: Literal["added", "removed", "changed"]
    before_bytes: int | None
    after_bytes: int | None


class DiffBody(Body):
    """The changes between two revisions."""

    before: str = Field(description="Id of the first revision.")
    after: str = Field(description="Id of the second revision.")
    card: str = Field(description="Unified diff of README.md.")
    is_card_whole: bool = Field(description="False if the card is too long to compare.")
    files: list[ChangedFileBody]
    unchanged_files: int
    tensors: list[ChangedTensor]
    same_tensors: int = Field(
        description="Tensors of changed files with the same name, shape and dtype; their values may differ."
    )


class AliasesBody(Body):
    """Aliases, sorted by name."""

    artifact: str
    aliases: list[Alias]


class NewAlias(BaseModel):
    """The target of an alias."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"revision": "main", "protected": True}]}
    )

    revision: Word = Field(min_length=1)
    protected: bool | None = Field(
        None, description="Whether only administrators of the artifact can move it; unchanged if absent."
    )


class YankReason(BaseModel):
    """The reason for yanking."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"reason": "trained on the test set"}]}
    )

    reason: Line


def get_revisions(hub: Hub, artifact: ApiArtifact) -> Response:
    """List the revisions of an artifact, newest first, including yanked ones."""
    named = names_of_revisions(hub, artifact)
    listed = hub.registry.revisions(artifact.name, with_files=False)
    return json_response({"artifact": str(artifact.name), "revisions": [revision_body(each, named) for each in listed]})


def get_revision(hub: Hub, artifact: ApiArtifact, revision: RevisionName) -> Response:
    """Return a revision with its files."""
    found = hub.registry.revision(artifact.name, revision)
    return json_response(revision_body(found, names_of_revisions(hub, artifact)) | {"files": file_bodies(found)})


def get_manifest(hub: Hub, artifact: ApiArtifact, revision: RevisionName) -> Response:
    """Return the manifest of a revision: the exact bytes whose SHA-256 is its id, with the digest of every file."""
    found = hub.registry.revision(artifact.name, revision)
    hub.store.confirm(Digest(found.id))
    with hub.store.open(Digest(found.id)) as opened:
        return Response(opened.read(), media_type="application/json", headers={"ETag": f'"{found.id}"'})


def get_diff(
    hub: Hub,
    artifact: ApiArtifact,
    before: Annotated[
        str, Query(alias="from", max_length=256, description="Revision to compare from.", examples=["1"])
    ],
    to: Annotated[str, Query(max_length=256, description="Revision to compare with.", examples=["main"])] = "main",
) -> Response:
    """Compare the revisions `from` and `to`: card, files, and tensors by name, shape and dtype."""
    first, second = hub.registry.revision(artifact.name, before), hub.registry.revision(artifact.name, to)
    return json_response({"before": first.id, "after": second.id, **to_json(diff_revisions(first, second, hub.store))})


def yank_revision(
    request: Request, hub: Hub, artifact: WritableApiArtifact, revision: RevisionName, body: YankReason
) -> Response:
    """Yank a revision: `main` moves to an earlier one. The yanked revision remains available to anyone who pinned it, with a warning."""
    return _yank(request, hub, artifact, revision, body.reason, yanked=True)


def unyank_revision(request: Request, hub: Hub, artifact: WritableApiArtifact, revision: RevisionName) -> Response:
    """Undo the yanking of a revision."""
    return _yank(request, hub, artifact, revision, "", yanked=False)


def get_aliases(hub: Hub, artifact: ApiArtifact) -> Response:
    """List aliases such as `@stable`, which can be used instead of a revision."""
    return json_response({"artifact": str(artifact.name), "aliases": aliases(hub.registry.database, artifact.name)})


def put_alias(request: Request, hub: Hub, artifact: WritableApiArtifact, alias: AliasName, body: NewAlias) -> Response:
    """Create or move an alias. A protected alias can only be moved with permission to administer the artifact."""
    caller = caller_of(request, hub)
    found = hub.registry.revision(artifact.name, body.revision)
    alias_set = set_alias(
        hub.registry.database, artifact.name, alias, found.id, actor_of(request, caller),
        may_administer=caller.may_administer(artifact.name), protected=body.protected,
    )  # fmt: skip
    drain_outbox(hub.registry, hub.store)
    return json_response(alias_set)


def remove_alias(request: Request, hub: Hub, artifact: WritableApiArtifact, alias: AliasName) -> Response:
    """Delete an alias, but not its revision."""
    caller = caller_of(request, hub)
    delete_alias(
        hub.registry.database,
        artifact.name,
        alias,
        actor_of(request, caller),
        may_administer=caller.may_administer(artifact.name),
    )
    drain_outbox(hub.registry, hub.store)
    return json_response({"artifact": str(artifact.name), "aliases": aliases(hub.registry.database, artifact.name)})


def _yank(
    request: Request, hub: Hub, artifact: WritableApiArtifact, revision: str, reason: str, *, yanked: bool
) -> Response:
    actor = actor_of(request, caller_of(request, hub))
    found = yank(artifact, revision, hub.registry, hub.store, actor, yanked=yanked, reason=reason)
    return json_response(revision_body(found, names_of_revisions(hub, artifact)) | {"files": file_bodies(found)})
