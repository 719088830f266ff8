"""What webhooks were told, and how the receivers answered: the newest of each, to look at and to send again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from hub.errors import UnknownDelivery
from hub.registry.database.clock import from_column, utc_now
from hub.registry.outbox.queue import owe

if TYPE_CHECKING:
    from hub.registry.database.database import Database, Row
    from server.parts.webhooks.webhooks import Webhook

DELIVER = "deliver-webhook"
"""The outbox's task that sends one."""
KEPT = 50
"""Deliveries of a webhook."""
_ID = re.compile(r"msg_[0-9a-f]{24}")
_LONGEST_ERROR = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Something that a webhook was told, or is to be told."""

    id: str
    webhook_id: str
    scope: str
    action: str
    body: str
    attempts: int
    status: int | None
    """Of the receiver's last answer; None when there was none."""
    error: str
    """Why the last attempt failed; empty when it did not, or before the first."""
    duration_ms: int | None
    created_at: datetime | None
    tried_at: datetime | None
    delivered: bool
    """Whether the receiver has said that it has it."""


def deliveries(database: Database, webhook: Webhook) -> list[Delivery]:
    """The newest first."""
    question = "SELECT * FROM webhook_deliveries WHERE webhook_id = :id ORDER BY created_at DESC, id LIMIT :kept"
    return [_delivery(row) for row in database.rows(question, {"id": webhook.id, "kept": KEPT})]


def find_delivery(database: Database, delivery_id: str) -> Delivery | None:
    """One delivery; None when it is not kept any more."""
    if _ID.fullmatch(delivery_id) is None:
        return None
    rows = database.rows("SELECT * FROM webhook_deliveries WHERE id = :id", {"id": delivery_id})
    return _delivery(rows[0]) if rows else None


def save_attempt(database: Database, delivery: Delivery, *, status: int | None, error: str, duration_ms: int) -> None:
    """Write down how an attempt went, and forget what is older than the kept ones and waits for nothing."""
    from sqlalchemy import delete, select

    from hub.registry.tables.outbox import OutboxRow
    from server.parts.webhooks.tables import DeliveryRow

    with database.transaction() as session:
        row = session.get(DeliveryRow, delivery.id)
        if row is None:
            return
        row.attempts += 1
        row.status, row.error, row.duration_ms, row.tried_at = status, error[:_LONGEST_ERROR], duration_ms, utc_now()
        newest = (
            select(DeliveryRow.id).where(DeliveryRow.webhook_id == delivery.webhook_id)
            .order_by(DeliveryRow.created_at.desc()).limit(KEPT)
        )  # fmt: skip
        waiting = select(OutboxRow.subject).where(OutboxRow.task == DELIVER)
        old = delete(DeliveryRow).where(
            DeliveryRow.webhook_id == delivery.webhook_id, DeliveryRow.id.not_in(newest), DeliveryRow.id.not_in(waiting)
        )
        session.execute(old, execution_options={"synchronize_session": False})


def redeliver(database: Database, webhook: Webhook, delivery_id: str) -> Delivery:
    """Send something again, with the id that it had. Raises UnknownDelivery."""
    found = find_delivery(database, delivery_id)
    if found is None or found.webhook_id != webhook.id:
        raise UnknownDelivery(delivery_id[:100])
    with database.transaction() as session:
        owe(session, DELIVER, found.id)
    return found


def _delivery(row: Row) -> Delivery:
    return Delivery(
        id=row["id"], webhook_id=row["webhook_id"], scope=row["scope"], action=row["action"], body=row["body"],
        attempts=row["attempts"], status=row["status"], error=row["error"], duration_ms=row["duration_ms"],
        created_at=from_column(row["created_at"]), tried_at=from_column(row["tried_at"]),
        delivered=row["status"] is not None and not row["error"],
    )  # fmt: skip
