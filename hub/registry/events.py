"""Events: what a transaction does to an artifact, told to the parts that listen, within that transaction.

So nobody hears of what was not committed, and everybody of what was.
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
    """Return whether any part wants to hear of events: otherwise nobody needs to look up what happened."""
    return any(part.listens(session) for part in parts())


def emit(session: Session, artifact: ArtifactRow, scope: str, action: str, **facts: Any) -> None:
    """Tell every part what happens to `artifact`. `facts` are JSON, and reach listeners as they are."""
    event = Event(scope, action, artifact, facts)
    for part in parts():
        part.on_event(session, event)


def emit_ref(session: Session, artifact: ArtifactRow, kind: str, name: str, old: str | None, new: str | None) -> None:
    """A branch or tag is made, moves on or is taken away: `old` and `new` are revisions, None for none."""
    emit(session, artifact, CONTENT, "update", updatedRefs=[_updated_ref(kind, name, old, new)])


def emit_rewrite(
    session: Session, artifact: ArtifactRow, refs: Iterable[RefRow], replaced: Mapping[str, Revision]
) -> None:
    """Revisions are replaced, old id → new: one event with every branch and tag that was led elsewhere by that.

    `refs` are as they are afterwards. Of aliases nobody is told, here as elsewhere.
    """
    former = {revision.id: old for old, revision in replaced.items()}
    moved = [
        _updated_ref(ref.kind, ref.name, former[ref.revision_id], ref.revision_id)
        for ref in sorted(refs, key=lambda each: (each.kind, each.name))
        if ref.kind != "alias" and ref.revision_id in former
    ]
    emit(session, artifact, CONTENT, "update", updatedRefs=moved)


def score_event(score: ScoreRow) -> dict[str, Any]:
    """A score, as webhooks are told of it: one of `scores` of an event with the scope SCORE."""
    return {name: getattr(score, name) for name in _OF_A_SCORE}


def _updated_ref(kind: str, name: str, old: str | None, new: str | None) -> dict[str, str | None]:
    shas = {"oldSha": old and old[:COMMIT_DIGITS], "newSha": new and new[:COMMIT_DIGITS]}
    return {"ref": f"refs/{'tags' if kind == 'tag' else 'heads'}/{name}", **shas}
