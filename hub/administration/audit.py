"""Reading the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from hub.administration.operation import MAX_LINES, Operation, check_limit
from hub.errors import WrongRequest
from hub.registry.accounts.audit import Entry, read_audit

if TYPE_CHECKING:
    from hub.local import LocalHub
    from hub.registry.accounts.permissions import Actor

_MAX_LETTERS = 200
"""Of a subject."""


class ListAudit(Operation[list[Entry]]):
    """List who changed what, newest first."""

    path, errors = "/admin/audit", ()
    subject: Annotated[str, {"description": "Only of this artifact or account.", "maxLength": _MAX_LETTERS}] = ""
    limit: Annotated[int, {"description": "How many lines.", "minimum": 1, "maximum": MAX_LINES}] = 50

    def run(self, hub: LocalHub, actor: Actor) -> list[Entry]:
        check_limit(self.limit)
        if not self.subject.isprintable() or len(self.subject) > _MAX_LETTERS:
            raise WrongRequest(f"{self.subject[:80]!r} is no artifact and no account.")
        return read_audit(hub.registry.database, subject=self.subject, limit=self.limit)


OPERATIONS = (ListAudit,)
