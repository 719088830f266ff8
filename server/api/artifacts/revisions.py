"""…/revisions, …/diff and …/aliases: an artifact's history, changes, yanking and aliases."""

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
from server.api.artifacts.artifacts import FileBody, RevisionBody, described_revision, files_of, names_of_revisions
from server.auth.access import Hub
from server.auth.caller import actor_of, caller_of
from server.http.addresses import Segment
from server.http.wire import Body, answer
from server.openapi.parameters import Line, Named, Own, RevisionName, Word

Asked = Annotated[str, Query(max_length=256)]
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
    """The difference of two revisions."""

    before: str = Field(description="Id of the first revision.")
    after: str
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
    protected: bool | None = Field(None, description="Unchanged if absent.")


class Withdrawal(BaseModel):
    """The reason for yanking."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"reason": "trained on the test set"}]}
    )

    reason: Line


def get_revisions(hub: Hub, artifact: Named) -> Response:
    """List an artifact's revisions, including yanked ones."""
    named = names_of_revisions(hub, artifact)
    listed = hub.registry.revisions(artifact.name, with_files=False)
    return answer({"artifact": str(artifact.name), "revisions": [described_revision(each, named) for each in listed]})


def get_revision(hub: Hub, artifact: Named, revision: RevisionName) -> Response:
    """Return one revision and its files."""
    found = hub.registry.revision(artifact.name, revision)
    return answer(described_revision(found, names_of_revisions(hub, artifact)) | {"files": files_of(found)})


def get_manifest(hub: Hub, artifact: Named, revision: RevisionName) -> Response:
    """Return the exact bytes whose SHA-256 is the revision's id; they name the digest of every file."""
    found = hub.registry.revision(artifact.name, revision)
    with hub.store.open(Digest(found.id)) as opened:
        return Response(opened.read(), media_type="application/json", headers={"ETag": f'"{found.id}"'})


def get_difference(
    hub: Hub, artifact: Named, before: Annotated[str, Query(alias="from", max_length=256)], to: Asked = "main"
) -> Response:
    """Compare the revisions `from` and `to`: card, files, and tensors by name, shape and dtype."""
    first, second = hub.registry.revision(artifact.name, before), hub.registry.revision(artifact.name, to)
    return answer({"before": first.id, "after": second.id, **to_json(diff_revisions(first, second, hub.store))})


def yank_revision(request: Request, hub: Hub, artifact: Own, revision: RevisionName, body: Withdrawal) -> Response:
    """Yank a revision: `main` moves to an earlier one, and it remains available by pin, with a warning."""
    return _yank(request, hub, artifact, revision, body.reason, yanked=True)


def unyank_revision(request: Request, hub: Hub, artifact: Own, revision: RevisionName) -> Response:
    """Undo yanking a revision."""
    return _yank(request, hub, artifact, revision, "", yanked=False)


def get_aliases(hub: Hub, artifact: Named) -> Response:
    """List aliases such as `@stable`, which can be used instead of a revision."""
    return answer({"artifact": str(artifact.name), "aliases": aliases(hub.registry.database, artifact.name)})


def put_alias(request: Request, hub: Hub, artifact: Own, alias: AliasName, body: NewAlias) -> Response:
    """Create or move an alias. Moving a protected one needs permission to administer the artifact."""
    caller = caller_of(request, hub)
    found = hub.registry.revision(artifact.name, body.revision)
    made = set_alias(
        hub.registry.database, artifact.name, alias, found.id, actor_of(request, caller),
        may_administer=caller.may_administer(artifact.name), protected=body.protected,
    )  # fmt: skip
    drain_outbox(hub.registry, hub.store)
    return answer(made)


def remove_alias(request: Request, hub: Hub, artifact: Own, alias: AliasName) -> Response:
    """Delete an alias. Its revision stays."""
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
