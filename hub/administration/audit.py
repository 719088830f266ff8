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
    limit: Annotated[int, {"description": "Maximum number of entries.", "minimum": 1, "maximum": MAX_LINES}] = 50

    def run(self, hub: LocalHub, actor: Actor) -> list[AuditEntry]:
        check_limit(self.limit)
        if not self.subject.isprintable() or len(self.subject) > 200:
            raise InvalidRequest(f"{self.subject[:80]!r} is not the name of an artifact or account.")
        return read_audit(hub.registry.database, subject=self.subject, limit=self.limit)


OPERATIONS = (ListAudit,)
