"""Aliases: names of revisions, such as `@stable`, that are moved by hand.

They are refs, so an alias can be used wherever a revision can. Branches move with every commit and tags never move. A protected
alias can be moved only by accounts that may administer the artifact.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.errors import Forbidden, InvalidName, UnknownRevision
from hub.names import ArtifactName
from hub.registry.accounts.audit import log_action
from hub.registry.accounts.permissions import Actor
from hub.registry.refs import ALIAS

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hub.registry.database.database import Database
    from hub.registry.tables.artifacts import ArtifactRow, RefRow

PATTERN = r"@[a-z][a-z0-9._-]{0,62}"
MAX_ALIASES = 100
"""Maximum number of aliases of an artifact."""


@dataclass(frozen=True, slots=True)
class Alias:
    """A name of a revision that is moved by hand."""

    name: str
    revision: str
    """Id of the revision."""
    protected: bool


def aliases(database: Database, name: ArtifactName) -> list[Alias]:
    """Return the aliases of an artifact, sorted by name."""
    rows = database.rows(
        "SELECT refs.name, revision_id, protected FROM refs JOIN artifacts ON artifacts.id = artifact_id "
        "WHERE key = :key AND refs.kind = :kind ORDER BY 1",
        {"key": name.key, "kind": ALIAS},
    )
    return [Alias(row[0], row[1], bool(row[2])) for row in rows]


def check_alias(alias: str) -> str:
    """Return a valid name of an alias. Raises InvalidName."""
    if re.fullmatch(PATTERN, alias) is None or ".." in alias:
        raise InvalidName(f"invalid alias {alias[:100]!r}: use `@` and up to 63 characters a–z, 0–9, `.`, `_` and `-`.")
    return alias


def set_alias(
    database: Database,
    name: ArtifactName,
    alias: str,
    revision_id: str,
    actor: Actor,
    *,
    may_administer: bool,
    protected: bool | None = None,
) -> Alias:
    """Create or move an alias. `protected`: None leaves the protection unchanged.

    Raises InvalidName, and Forbidden if `may_administer` is False and the alias is, becomes or stops being protected.
    """
    from hub.registry.artifacts.record import enqueue_reference
    from hub.registry.tables.artifacts import RefRow

    check_alias(alias)
    with database.transaction() as session:
        artifact, found = _find(session, name, alias)
        if not may_administer and (protected or (found is not None and (found.protected or protected is False))):
            raise Forbidden(f"`{alias}` of `{name}` is protected: only an administrator of `{name.owner}` can move it.")
        if found is None:
            _check_limit(session, artifact, name)
            found = RefRow(
                artifact_id=artifact.id, name=alias, revision_id=revision_id, kind=ALIAS, message="", protected=False
            )
            session.add(found)
        former = found.revision_id
        found.revision_id = revision_id
        found.protected = found.protected if protected is None else protected
        log_action(
            session,
            actor,
            "alias.set",
            str(name),
            name=alias,
            revision=revision_id,
            former=former,
            protected=found.protected,
        )
        enqueue_reference(session, name)
        return Alias(alias, revision_id, found.protected)


def delete_alias(database: Database, name: ArtifactName, alias: str, actor: Actor, *, may_administer: bool) -> None:
    """Delete an alias. Raises UnknownRevision, and Forbidden if it is protected and `may_administer` is False."""
    from hub.registry.artifacts.record import enqueue_reference

    with database.transaction() as session:
        _, found = _find(session, name, alias)
        if found is None:
            raise UnknownRevision(alias, listing=f"hub alias {name}")
        if found.protected and not may_administer:
            raise Forbidden(
                f"`{alias}` of `{name}` is protected: only an administrator of `{name.owner}` can delete it."
            )
        session.delete(found)
        log_action(session, actor, "alias.delete", str(name), name=alias, revision=found.revision_id)
        enqueue_reference(session, name)


def _check_limit(session: Session, artifact: ArtifactRow, name: ArtifactName) -> None:
    from sqlalchemy import func, select

    from hub.registry.tables.artifacts import RefRow

    known = select(func.count()).select_from(RefRow).where(RefRow.artifact_id == artifact.id, RefRow.kind == ALIAS)
    if (session.scalar(known) or 0) >= MAX_ALIASES:
        raise InvalidName(f"`{name}` already has {MAX_ALIASES} aliases, the maximum: delete one first.")


def _find(session: Session, name: ArtifactName, alias: str) -> tuple[ArtifactRow, RefRow | None]:
    from hub.registry.tables.artifacts import RefRow, artifact_row

    artifact = artifact_row(session, name)
    assert artifact is not None, "the artifact was found before"
    return artifact, session.get(RefRow, (artifact.id, alias, ALIAS))
