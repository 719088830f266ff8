"""Deliveries of webhooks with the responses of their receivers. The latest ones of each webhook are kept and can be sent again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from hub.errors import UnknownDelivery
from hub.registry.database.clock import from_column, utc_now
from hub.registry.outbox.queue import enqueue

if TYPE_CHECKING:
    from hub.registry.database.database import Database, ResultRow
    from server.parts.webhooks.webhooks import Webhook

DELIVER = "deliver-webhook"
"""The outbox task that sends a delivery."""
MAX_DELIVERIES = 50
"""Deliveries kept per webhook."""
_ID = re.compile(r"msg_[0-9a-f]{24}")
_MAX_ERROR = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An event for one webhook, sent or pending."""

    id: str
    webhook_id: str
    scope: str
    action: str
    body: str
    attempts: int
    status: int | None
    """HTTP status of the last response; None without one."""
    error: str
    """Why the last attempt failed; empty after a success and before the first attempt."""
    duration_ms: int | None
    created_at: datetime | None
    tried_at: datetime | None
    delivered: bool
    """Whether the receiver has confirmed it."""


def deliveries(database: Database, webhook: Webhook) -> list[Delivery]:
    """Return the kept deliveries of a webhook, newest first."""
    query = "SELECT * FROM webhook_deliveries WHERE webhook_id = :id ORDER BY created_at DESC, id LIMIT :limit"
    return [_delivery(row) for row in database.rows(query, {"id": webhook.id, "limit": MAX_DELIVERIES})]


def find_delivery(database: Database, delivery_id: str) -> Delivery | None:
    """Return a delivery, or None if it is no longer kept."""
    if _ID.fullmatch(delivery_id) is None:
        return None
    rows = database.rows("SELECT * FROM webhook_deliveries WHERE id = :id", {"id": delivery_id})
    return _delivery(rows[0]) if rows else None


def save_attempt(database: Database, delivery: Delivery, *, status: int | None, error: str, duration_ms: int) -> None:
    """Save the result of an attempt, and delete old deliveries that are no longer pending."""
    from sqlalchemy import delete, select

    from hub.registry.tables.outbox import OutboxRow
    from server.parts.webhooks.tables import DeliveryRow

    with database.transaction() as session:
        row = session.get(DeliveryRow, delivery.id)
        if row is None:
            return
        row.attempts += 1
        row.status, row.error, row.duration_ms, row.tried_at = status, error[:_MAX_ERROR], duration_ms, utc_now()
        newest = (
            select(DeliveryRow.id).where(DeliveryRow.webhook_id == delivery.webhook_id)
            .order_by(DeliveryRow.created_at.desc()).limit(MAX_DELIVERIES)
        )  # fmt: skip
        waiting = select(OutboxRow.subject).where(OutboxRow.task == DELIVER)
        old = delete(DeliveryRow).where(
            DeliveryRow.webhook_id == delivery.webhook_id, DeliveryRow.id.not_in(newest), DeliveryRow.id.not_in(waiting)
        )
        session.execute(old, execution_options={"synchronize_session": False})


def redeliver(database: Database, webhook: Webhook, delivery_id: str) -> Delivery:
    """Enqueue a delivery again, with the same id. Raises UnknownDelivery."""
    found = find_delivery(database, delivery_id)
    if found is None or found.webhook_id != webhook.id:
        raise UnknownDelivery(delivery_id[:100])
    with database.transaction() as session:
        enqueue(session, DELIVER, found.id)
    return found


def _delivery(row: ResultRow) -> Delivery:
    return Delivery(
        id=row["id"], webhook_id=row["webhook_id"], scope=row["scope"], action=row["action"], body=row["body"],
        attempts=row["attempts"], status=row["status"], error=row["error"], duration_ms=row["duration_ms"],
        created_at=from_column(row["created_at"]), tried_at=from_column(row["tried_at"]),
        delivered=row["status"] is not None and not row["error"],
    )  # fmt: skip
