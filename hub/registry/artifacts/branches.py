"""Create, restore and delete branches, which move with commits, and tags, which do not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from hub.errors import Conflict, InvalidName, InvalidRequest, UnknownRevision
from hub.names import ArtifactName, bare_ref
from hub.registry.accounts.audit import log_action
from hub.registry.accounts.permissions import Actor
from hub.registry.events import emit_ref
from hub.registry.refs import BRANCH, MAIN

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hub.registry.database.database import Database
    from hub.registry.tables.artifacts import ArtifactRow, RefRow

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
_TAKEN = re.compile(r"[0-9]+|[0-9a-f]{7,64}|HEAD")
"""Names that are already valid revisions: a number, the prefix of an id, or git's name of the default branch."""


def check_ref(name: str) -> str:
    """Return a valid name of a branch or tag, by the rules of git-check-ref-format. Raises InvalidName."""
    parts = name.split("/")
    is_invalid = _NAME.fullmatch(name) is None or _TAKEN.fullmatch(name) is not None or name.startswith("refs/")
    if (
        is_invalid
        or ".." in name
        or any(not part or part.startswith(".") or part.endswith((".", ".lock")) for part in parts)
    ):
        raise InvalidName(
            f"invalid name of a branch or tag {name[:100]!r}: use letters, digits, `.`, `_`, `-` and `/`, "
            "and no name that looks like a commit id or a revision number."
        )
    return name


def create_ref(
    database: Database,
    name: ArtifactName,
    ref: str,
    revision_id: str,
    actor: Actor,
    *,
    kind: str = BRANCH,
    message: str = "",
) -> None:
    """Create a branch or tag at a revision. Raises InvalidName, and Conflict if the name is taken.

    No tag is called `main`: it would decide what everyone downloads who names no revision.
    """
    from hub.registry.tables.artifacts import RefRow

    check_ref(ref)
    with database.transaction() as session:
        artifact, found = _find(session, name, ref, BRANCH if ref == MAIN else kind)
        if found is not None:
            raise Conflict(f"`{name}` already has a {found.kind} `{ref}`.")
        session.add(RefRow(artifact_id=artifact.id, name=ref, revision_id=revision_id, kind=kind, message=message))
        log_action(session, actor, f"{kind}.create", str(name), name=ref, revision=revision_id)
        emit_ref(session, artifact, kind, ref, None, revision_id)
        _enqueue(session, name)


def restore_refs(database: Database, name: ArtifactName, refs: dict[str, dict[str, Any]]) -> None:
    """Restore branches, tags and aliases from a reference of the store: name → `revision`, `kind`, `protected`."""
    from hub.registry.tables.artifacts import RefRow

    with database.transaction() as session:
        artifact, _ = _find(session, name, MAIN, BRANCH)
        for ref, fields in refs.items():
            row = RefRow(
                artifact_id=artifact.id,
                name=bare_ref(ref),
                revision_id=fields["revision"],
                kind=fields["kind"],
                message="",
            )
            row.protected = bool(fields.get("protected"))
            session.merge(row)


def delete_ref(database: Database, name: ArtifactName, ref: str, actor: Actor, *, kind: str = BRANCH) -> None:
    """Delete a branch or tag; revisions stay. Raises UnknownRevision, and InvalidRequest for `main`."""
    if ref == MAIN and kind == BRANCH:
        raise InvalidRequest(f"`{MAIN}` of `{name}` cannot be deleted: it is the default branch.")
    with database.transaction() as session:
        artifact, found = _find(session, name, ref, kind)
        if found is None:
            raise UnknownRevision(ref, listing=f"hub show {name}")
        session.delete(found)
        log_action(session, actor, f"{kind}.delete", str(name), name=ref, revision=found.revision_id)
        emit_ref(session, artifact, kind, ref, found.revision_id, None)
        _enqueue(session, name)


def _find(session: Session, name: ArtifactName, ref: str, kind: str) -> tuple[ArtifactRow, RefRow | None]:
    from hub.registry.tables.artifacts import RefRow, artifact_row

    artifact = artifact_row(session, name)
    assert artifact is not None, "the artifact was found before"
    return artifact, session.get(RefRow, (artifact.id, ref, kind))


def _enqueue(session: Session, name: ArtifactName) -> None:
    from hub.registry.artifacts.record import enqueue_reference

    enqueue_reference(session, name)
