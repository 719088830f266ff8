"""Tell webhooks what a transaction does to an artifact: one delivery for each that watches, owed by that transaction.

So nobody is told of what was not committed, and everybody of what was. What is sent is written down here, once, and is the same at
every attempt.
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

from hub.names import COMMIT_DIGITS
from hub.registry.clock import utc_now
from hub.registry.outbox import owe

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.orm import Session

    from hub.names import ArtifactName
    from hub.records import Revision
    from hub.registry.hooks import WebhookRow
    from hub.registry.score_tables import ScoreRow
    from hub.registry.tables import ArtifactRow, RefRow

DELIVER = "deliver-webhook"
REPO, CONTENT, CONFIG, SCORE = "repo", "repo.content", "repo.config", "score"
"""Scopes of events; the first three are Hugging Face's."""
_OF_A_SCORE = ("metric", "value", "unit", "benchmark", "split", "language", "base", "provenance", "source")


def anybody_listens(session: Session) -> bool:
    """Whether there is any webhook at all: most installations have none, and need not look up what to tell."""
    from sqlalchemy import select

    from hub.registry.hooks import WebhookRow

    return session.scalar(select(WebhookRow.id).limit(1)) is not None


def announce(session: Session, artifact: ArtifactRow, scope: str, action: str, **facts: Any) -> None:
    """Owe a delivery to every webhook that watches `artifact`, may know of it and wants to be told of `scope`.

    `facts` go into what is sent as they are.
    """
    from hub.registry.hooks import DeliveryRow
    from hub.registry.tables import RefRow

    watchers = [each for each in _watchers(session, artifact) if _wants(each.domains, scope)]
    if not watchers:
        return
    head = session.get(RefRow, (artifact.id, "main"))
    for webhook in watchers:
        body = {
            "event": {"action": action, "scope": scope},
            "repo": _repository(artifact, webhook.origin, head.revision_id if head else ""),
            "webhook": {"id": webhook.id, "version": 3},
            **facts,
        }
        row = DeliveryRow(
            id=f"msg_{secrets.token_hex(12)}", webhook_id=webhook.id, scope=scope, action=action,
            body=json.dumps(body, ensure_ascii=False), attempts=0, status=None, error="", duration_ms=None,
            created_at=utc_now(), tried_at=None,
        )  # fmt: skip
        session.add(row)
        owe(session, DELIVER, row.id)


def announce_ref(
    session: Session, artifact: ArtifactRow, kind: str, name: str, old: str | None, new: str | None
) -> None:
    """A branch or tag is made, moves on or is taken away: `old` and `new` are revisions, None for none."""
    announce(session, artifact, CONTENT, "update", updatedRefs=[_updated_ref(kind, name, old, new)])


def announce_rewriting(
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
    announce(session, artifact, CONTENT, "update", updatedRefs=moved)


def told_score(score: ScoreRow) -> dict[str, Any]:
    """A score, as webhooks are told of it: one of `scores` of an event with the scope SCORE."""
    return {name: getattr(score, name) for name in _OF_A_SCORE}


def follow(session: Session, name: ArtifactName, target: ArtifactName) -> None:
    """Let whoever watches a repository that gets another name watch it under that one."""
    from sqlalchemy import select

    from hub.registry.hooks import WatchRow

    for watch in session.scalars(select(WatchRow).where(WatchRow.key == name.key)).all():
        session.delete(watch)
        session.merge(WatchRow(webhook_id=watch.webhook_id, kind=watch.kind, key=target.key, name=str(target)))


def _updated_ref(kind: str, name: str, old: str | None, new: str | None) -> dict[str, str | None]:
    shas = {"oldSha": old and old[:COMMIT_DIGITS], "newSha": new and new[:COMMIT_DIGITS]}
    return {"ref": f"refs/{'tags' if kind == 'tag' else 'heads'}/{name}", **shas}


def _watchers(session: Session, artifact: ArtifactRow) -> Iterable[WebhookRow]:
    """Webhooks of those who may know of the artifact."""
    from sqlalchemy import exists, func, or_, select

    from hub.registry.hooks import WatchRow, WebhookRow
    from hub.registry.people import AccountRow, MembershipRow

    owner = artifact.owner.lower()
    repository = "dataset" if artifact.kind == "dataset" else "model"
    watching = exists().where(
        WatchRow.webhook_id == WebhookRow.id,
        or_(
            WatchRow.key == owner,
            (WatchRow.key == artifact.key) & (WatchRow.kind == repository),
            WatchRow.key == "*",
        ),
    )
    asked = (
        select(WebhookRow)
        .join(AccountRow, AccountRow.id == WebhookRow.account_id)
        .where(~WebhookRow.disabled, watching)
    )
    if artifact.private:
        organisation = select(AccountRow.id).where(AccountRow.key == owner).scalar_subquery()
        member = exists().where(
            MembershipRow.user_id == WebhookRow.account_id, MembershipRow.organisation_id == organisation
        )
        asked = asked.where(or_(AccountRow.is_admin, func.lower(AccountRow.name) == owner, member))
    return session.scalars(asked.order_by(WebhookRow.id)).all()


def _wants(domains: Iterable[str], scope: str) -> bool:
    return any(scope == domain or scope.startswith(f"{domain}.") for domain in domains)


def _repository(artifact: ArtifactRow, origin: str, head: str) -> dict[str, Any]:
    name = f"{artifact.owner}/{artifact.name}"
    prefix = "datasets/" if artifact.kind == "dataset" else ""
    return {
        "type": "dataset" if prefix else "model",
        "name": name,
        "id": str(artifact.id),
        "private": artifact.private,
        "kind": artifact.kind,
        "url": {"web": f"{origin}/{prefix}{name}", "api": f"{origin}/api/{prefix or 'models/'}{name}"},
        "headSha": head[:COMMIT_DIGITS] or None,
        "owner": {"id": artifact.owner},
    }
