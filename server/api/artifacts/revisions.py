"""…/revisions and …/diff: an artifact's history, what changed, withdrawing and aliases."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from hub.names import Digest
from hub.publish.commit import yank
from hub.publish.diff import ChangedTensor, as_json, difference
from hub.publish.publish import drain_outbox
from hub.registry.artifacts.aliases import PATTERN, Alias, aliases, delete_alias, set_alias
from server.api.artifacts.artifacts import FileBody, RevisionBody, described_revision, files_of, names_of_revisions
from server.auth.access import Hub
from server.auth.caller import actor_of, caller_of
from server.http.addresses import Segment
from server.http.wire import Body, answer
from server.openapi.parameters import Line, Named, Own, RevisionName, Word

Asked = Annotated[str, Query(max_length=256)]
AliasName = Annotated[
    Segment, Path(pattern=f"^({PATTERN}|%40{PATTERN[1:]})$", description="`@` and a word.", examples=["@stable"])
]


class RevisionsBody(Body):
    """Newest first."""

    artifact: str
    revisions: list[RevisionBody]


class ManifestBody(Body):
    """What makes a revision what it is."""

    artifact: str
    created_at: datetime | None
    files: list[FileBody]
    message: str
    parent: str


class ChangedFileBody(Body):
    """A file that is not the same in both."""

    path: str
    change: Literal["added", "removed", "changed"]
    before_bytes: int | None
    after_bytes: int | None


class DiffBody(Body):
    """What leads from one revision to another."""

    before: str = Field(description="Id of the first revision.")
    after: str
    card: str = Field(description="Unified diff of README.md.")
    is_card_whole: bool = Field(description="False for a card that is too long to be compared.")
    files: list[ChangedFileBody]
    unchanged_files: int
    tensors: list[ChangedTensor]
    same_tensors: int = Field(
        description="Of changed files, with the same name, shape and type; their numbers may differ."
    )


class AliasesBody(Body):
    """Sorted by name."""

    artifact: str
    aliases: list[Alias]


class NewAlias(BaseModel):
    """Where an alias shall lead."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"revision": "main", "protected": True}]}
    )

    revision: Word = Field(min_length=1)
    protected: bool | None = Field(None, description="Left as it is when absent.")


class Withdrawal(BaseModel):
    """Why."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"reason": "trained on the test set"}]}
    )

    reason: Line


def get_revisions(hub: Hub, artifact: Named) -> Response:
    """An artifact's history, withdrawn revisions included."""
    named = names_of_revisions(hub, artifact)
    listed = hub.registry.revisions(artifact.name, with_files=False)
    return answer({"artifact": str(artifact.name), "revisions": [described_revision(each, named) for each in listed]})


def get_revision(hub: Hub, artifact: Named, revision: RevisionName) -> Response:
    """One revision and its files."""
    found = hub.registry.revision(artifact.name, revision)
    return answer(described_revision(found, names_of_revisions(hub, artifact)) | {"files": files_of(found)})


def get_manifest(hub: Hub, artifact: Named, revision: RevisionName) -> Response:
    """The very bytes whose SHA-256 is the revision's id: who has them knows every file's digest for sure."""
    found = hub.registry.revision(artifact.name, revision)
    with hub.store.open(Digest(found.id)) as opened:
        return Response(opened.read(), media_type="application/json", headers={"ETag": f'"{found.id}"'})


def get_difference(
    hub: Hub, artifact: Named, before: Annotated[str, Query(alias="from", max_length=256)], to: Asked = "main"
) -> Response:
    """What leads from the revision `from` to the revision `to`: card, files, and tensors by name, shape and type."""
    first, second = hub.registry.revision(artifact.name, before), hub.registry.revision(artifact.name, to)
    return answer({"before": first.id, "after": second.id, **as_json(difference(first, second, hub.store))})


def yank_revision(request: Request, hub: Hub, artifact: Own, revision: RevisionName, body: Withdrawal) -> Response:
    """Withdraw a revision: `main` gives an earlier one, and those who pinned it still get it, with a warning."""
    return _yank(request, hub, artifact, revision, body.reason, yanked=True)


def unyank_revision(request: Request, hub: Hub, artifact: Own, revision: RevisionName) -> Response:
    """Take a withdrawal back."""
    return _yank(request, hub, artifact, revision, "", yanked=False)


def get_aliases(hub: Hub, artifact: Named) -> Response:
    """Names such as `@stable`, which everything that takes a revision takes."""
    return answer({"artifact": str(artifact.name), "aliases": aliases(hub.registry.database, artifact.name)})


def put_alias(request: Request, hub: Hub, artifact: Own, alias: AliasName, body: NewAlias) -> Response:
    """Make an alias or move it; a protected one is moved by those who may administer the artifact."""
    caller = caller_of(request, hub)
    found = hub.registry.revision(artifact.name, body.revision)
    made = set_alias(
        hub.registry.database, artifact.name, alias, found.id, actor_of(request, caller),
        may_administer=caller.may_administer(artifact.name), protected=body.protected,
    )  # fmt: skip
    drain_outbox(hub.registry, hub.store)
    return answer(made)


def remove_alias(request: Request, hub: Hub, artifact: Own, alias: AliasName) -> Response:
    """Take an alias away; revisions stay."""
    caller = caller_of(request, hub)
    delete_alias(
        hub.registry.database,
        artifact.name,
        alias,
        actor_of(request, caller),
        may_administer=caller.may_administer(artifact.name),
    )
    drain_outbox(hub.registry, hub.store)
    return answer({"artifact": str(artifact.name), "aliases": aliases(hub.registry.database, artifact.name)})


def _yank(request: Request, hub: Hub, artifact: Own, revision: str, reason: str, *, yanked: bool) -> Response:
    actor = actor_of(request, caller_of(request, hub))
    found = yank(artifact, revision, hub.registry, hub.store, actor, yanked=yanked, reason=reason)
    return answer(described_revision(found, names_of_revisions(hub, artifact)) | {"files": files_of(found)})
