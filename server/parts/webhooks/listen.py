"""Enqueue a delivery for every webhook that watches an artifact, in the transaction of the event.

The body is created once and is the same for every attempt.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, exists, or_, select

from hub.names import COMMIT_DIGITS, ArtifactName
from hub.records import DATASET
from hub.registry.database.clock import utc_now
from hub.registry.outbox.queue import enqueue
from hub.registry.tables.accounts import AccountRow, MembershipRow
from hub.registry.tables.artifacts import ArtifactRow, RefRow
from server.parts.webhooks.deliveries import DELIVER
from server.parts.webhooks.tables import DeliveryRow, WatchRow, WebhookRow

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hub.registry.parts import Event


def has_webhooks(session: Session) -> bool:
    """Return whether any webhook exists; most installations have none."""
    return session.scalar(select(WebhookRow.id).limit(1)) is not None


def enqueue_deliveries(session: Session, event: Event) -> None:
    """Enqueue a delivery for every webhook that watches the artifact, can read it and includes the scope."""
    artifact = event.artifact
    watchers = [each for each in _watchers(session, artifact, _owners(event)) if _includes(each.domains, event.scope)]
    if not watchers:
        return
    head = session.get(RefRow, (artifact.id, "main", "branch"))
    for webhook in watchers:
        body = {
            "event": {"action": event.action, "scope": event.scope},
            "repo": _repository(artifact, webhook.origin, head.revision_id if head else ""),
            "webhook": {"id": webhook.id, "version": 3},
            **event.facts,
        }
        row = DeliveryRow(
            id=f"msg_{secrets.token_hex(12)}", webhook_id=webhook.id, scope=event.scope, action=event.action,
            body=json.dumps(body, ensure_ascii=False), attempts=0, status=None, error="", duration_ms=None,
            created_at=utc_now(), tried_at=None,
        )  # fmt: skip
        session.add(row)
        enqueue(session, DELIVER, row.id)


def watch_new_name(session: Session, event: Event) -> None:
    """Move the watches of a renamed repository to its new name; of a private one, only those whose owners can read it there."""
    target = event.facts["movedTo"]["name"]
    is_dataset = event.artifact.kind == DATASET
    key = ArtifactName.parse_repository(target, "", is_dataset=is_dataset).key
    readers = _readers(event.artifact, _owners(event)).with_only_columns(WebhookRow.id)
    watches = select(WatchRow).where(WatchRow.key == event.artifact.key, WatchRow.webhook_id.in_(readers))
    for watch in session.scalars(watches).all():
        session.delete(watch)
        session.merge(WatchRow(webhook_id=watch.webhook_id, kind=watch.kind, key=key, name=target))


def _owners(event: Event) -> set[str]:
    """Return the owner of the artifact, and its next one after a move, in lower case."""
    moved = event.facts["movedTo"]["owner"]["id"] if event.action == "move" else event.artifact.owner
    return {event.artifact.owner.lower(), moved.lower()}


def _watchers(session: Session, artifact: ArtifactRow, owners: Iterable[str]) -> Iterable[WebhookRow]:
    """Return the enabled webhooks that watch the artifact and whose owners can read it; see `_readers`."""
    owner = artifact.owner.lower()
    repository = "dataset" if artifact.kind == DATASET else "model"
    watching = exists().where(
        WatchRow.webhook_id == WebhookRow.id,
        or_(
            WatchRow.key == owner,
            (WatchRow.key == artifact.key) & (WatchRow.kind == repository),
            WatchRow.key == "*",
        ),
    )
    query = _readers(artifact, owners).where(~WebhookRow.disabled, watching)
    return session.scalars(query.order_by(WebhookRow.id)).all()


def _readers(artifact: ArtifactRow, owners: Iterable[str]) -> Select[WebhookRow]:
    """Return a query of the webhooks whose owners can read the artifact under each of `owners`."""
    query = select(WebhookRow).join(AccountRow, AccountRow.id == WebhookRow.account_id)
    for owner in owners if artifact.private else ():
        organisation = select(AccountRow.id).where(AccountRow.key == owner).scalar_subquery()
        member = exists().where(
            MembershipRow.user_id == WebhookRow.account_id, MembershipRow.organisation_id == organisation
        )
        query = query.where(or_(AccountRow.is_admin, AccountRow.key == owner, member))
    return query


def _includes(domains: Iterable[str], scope: str) -> bool:
    return any(scope == domain or scope.startswith(f"{domain}.") for domain in domains)


def _repository(artifact: ArtifactRow, origin: str, head: str) -> dict[str, Any]:
    name = f"{artifact.owner}/{artifact.name}"
    prefix = "datasets/" if artifact.kind == DATASET else ""
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
