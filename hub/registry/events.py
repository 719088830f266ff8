"""Events: changes to an artifact, emitted to the parts that listen, within the transaction that makes them.

So listeners see exactly the committed changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.names import COMMIT_DIGITS
from hub.registry.parts import Event, parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.orm import Session

    from hub.records import Revision
    from hub.registry.tables.artifacts import ArtifactRow, RefRow
    from hub.registry.tables.scores import ScoreRow

REPO, CONTENT, CONFIG, SCORE = "repo", "repo.content", "repo.config", "score"
"""Scopes of events; the first three are Hugging Face's."""
_OF_A_SCORE = ("metric", "value", "unit", "benchmark", "split", "language", "base", "provenance", "source")


def has_listeners(session: Session) -> bool:
    """Return whether any part listens to events; otherwise there is no need to collect the changes."""
    return any(part.listens(session) for part in parts())


def emit(session: Session, artifact: ArtifactRow, scope: str, action: str, **facts: Any) -> None:
    """Send an event about `artifact` to every part. `facts` are JSON values, passed on unchanged."""
    event = Event(scope, action, artifact, facts)
    for part in parts():
        part.on_event(session, event)


def emit_ref(session: Session, artifact: ArtifactRow, kind: str, name: str, old: str | None, new: str | None) -> None:
    """Emit that a branch or tag is created, moved or deleted. `old` and `new` are revision ids; None if it does not exist."""
    emit(session, artifact, CONTENT, "update", updatedRefs=[_updated_ref(kind, name, old, new)])


def emit_rewrite(
    session: Session, artifact: ArtifactRow, refs: Iterable[RefRow], replaced: Mapping[str, Revision]
) -> None:
    """Emit one event with all branches and tags that moved because revisions were replaced, old id → new.

    `refs` are those after the change. Aliases never cause events.
    """
    former = {revision.id: old for old, revision in replaced.items()}
    moved = [
        _updated_ref(ref.kind, ref.name, former[ref.revision_id], ref.revision_id)
        for ref in sorted(refs, key=lambda each: (each.kind, each.name))
        if ref.kind != "alias" and ref.revision_id in former
    ]
    emit(session, artifact, CONTENT, "update", updatedRefs=moved)


def score_event(score: ScoreRow) -> dict[str, Any]:
    """Return a score as an entry of `scores` in an event of the scope SCORE."""
    return {name: getattr(score, name) for name in _OF_A_SCORE}


def _updated_ref(kind: str, name: str, old: str | None, new: str | None) -> dict[str, str | None]:
    shas = {"oldSha": old and old[:COMMIT_DIGITS], "newSha": new and new[:COMMIT_DIGITS]}
    return {"ref": f"refs/{'tags' if kind == 'tag' else 'heads'}/{name}", **shas}
