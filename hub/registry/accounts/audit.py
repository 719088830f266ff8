"""The audit log: the changes that accounts made on a server, each written in the transaction of the change."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hub.registry.accounts.permissions import Actor
from hub.registry.database.clock import from_column, utc_now

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hub.registry.database.database import Database


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry of the audit log."""

    at: datetime | None
    actor: str
    token: str
    action: str
    subject: str
    detail: dict[str, Any]
    id: int = 0
    """Later entries have larger ids."""
    address: str = ""
    """IP address of the client."""


def log_action(session: Session, actor: Actor, action: str, subject: str, **detail: Any) -> None:
    """Record in this transaction that `actor` performs `action` on `subject`."""
    from hub.registry.tables.accounts import AuditRow

    session.add(
        AuditRow(
            at=utc_now(),
            actor=actor.name,
            token=actor.token,
            address=actor.address,
            action=action,
            subject=subject,
            detail=detail,
        )
    )


def read_audit(
    database: Database,
    *,
    subject: str = "",
    actor: str = "",
    action: str = "",
    before: int = 0,
    limit: int = 100,
) -> list[AuditEntry]:
    """Return up to `limit` entries, newest first; only those with ids below `before`, and of one `subject`, `actor` or `action`, if given.

    `token` as an action matches `token.create` and `token.revoke`, too.
    """
    values: dict[str, Any] = {"subject": subject, "actor": actor, "action": action, "before": before}
    conditions = [
        text
        for name, text in (
            ("subject", "subject = :subject"),
            ("actor", "actor = :actor"),
            # All actions that begin with `token.`: `/` follows `.` in the order of bytes.
            ("action", "(action = :action OR (action > :first AND action < :last))"),
            ("before", "id < :before"),
        )
        if values[name]
    ]
    given = {name: value for name, value in values.items() if value}
    if action:
        given |= {"first": f"{action}.", "last": f"{action}/"}
    rows = database.rows(
        f"SELECT * FROM audit {'WHERE ' * bool(conditions)}{' AND '.join(conditions)} ORDER BY id DESC LIMIT :limit",  # noqa: S608 - constants
        {"limit": limit, **given},
    )
    return [
        AuditEntry(
            from_column(row["at"]),
            row["actor"],
            row["token"],
            row["action"],
            row["subject"],
            json.loads(row["detail"]) if isinstance(row["detail"], str) else row["detail"],
            row["id"],
            row["address"],
        )
        for row in rows
    ]
