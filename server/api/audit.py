"""GET /api/v1/audit: who changed what. Administrators read everything, owners entries about their artifacts."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import Query, Request
from starlette.responses import Response

from hub.errors import Forbidden
from hub.names import ArtifactName
from hub.registry.accounts.audit import AuditEntry, read_audit
from server.auth.access import Hub
from server.auth.caller import account_of, caller_of, require_admin
from server.http.paging import offset_of, write_cursor
from server.http.response_bodies import Body, answer


class AuditBody(Body):
    """Entries, newest first."""

    entries: list[AuditEntry]
    cursor: str | None


def get_audit(
    request: Request,
    hub: Hub,
    subject: Annotated[str, Query(max_length=200, description="`owner/name`; optional for administrators.")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str, Query(max_length=1000)] = "",  # noqa: ARG001 - for the document
) -> Response:
    """List who changed what, and when."""
    caller = caller_of(request, hub)
    account = account_of(caller)
    if not caller.is_admin:
        if not subject:
            raise Forbidden(
                f"`{account.name}` is not an administrator of this server: pass one of your artifacts as `subject`."
            )
        require_admin(caller, ArtifactName.parse(subject, account.name))
    before = offset_of(request)
    lines = read_audit(hub.registry.database, subject=subject, before=before, limit=limit)
    entries = lines if caller.is_admin else [replace(each, address="") for each in lines]
    return answer({"entries": entries, "cursor": write_cursor(request, lines[-1].id) if len(lines) == limit else None})
