"""Operations on the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from hub.administration.operation import MAX_LINES, Operation, check_limit
from hub.errors import InvalidRequest
from hub.registry.accounts.audit import AuditEntry, read_audit

if TYPE_CHECKING:
    from hub.local import LocalHub
    from hub.registry.accounts.permissions import Actor


class ListAudit(Operation[list[AuditEntry]]):
    """List the audit log, newest first."""

    path, errors = "/admin/audit", ()
    subject: Annotated[str, {"description": "Only entries on this artifact or account.", "maxLength": 200}] = ""
    by: Annotated[str, {"description": "Only entries of this account.", "maxLength": 200}] = ""
    action: Annotated[
        str,
        {"description": "Only entries of this action; `token` includes `token.create`.", "maxLength": 200},
    ] = ""
    before: Annotated[int, {"description": "Only entries with smaller ids; 0 for all.", "minimum": 0}] = 0
    limit: Annotated[int, {"description": "Maximum number of entries.", "minimum": 1, "maximum": MAX_LINES}] = 50

    def run(self, hub: LocalHub, actor: Actor) -> list[AuditEntry]:
        check_limit(self.limit)
        for what, text in (("artifact or account", self.subject), ("account", self.by), ("action", self.action)):
            if not text.isprintable() or len(text) > 200:
                raise InvalidRequest(f"{text[:80]!r} is not the name of an {what}.")
        if not 0 <= self.before < 1 << 63:
            raise InvalidRequest(f"`before` must be the id of an entry, not {self.before}.")
        return read_audit(
            hub.registry.database,
            subject=self.subject,
            actor=self.by,
            action=self.action,
            before=self.before,
            limit=self.limit,
        )


OPERATIONS = (ListAudit,)
