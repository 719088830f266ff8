"""GET /api/v1/audit: the audit log. Administrators can read all of it, owners only entries about their artifacts."""

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
from server.http.response_bodies import Body, json_response


class AuditBody(Body):
    """A page of audit entries, newest first."""

    entries: list[AuditEntry]
    cursor: str | None


def get_audit(
    request: Request,
    hub: Hub,
    subject: Annotated[
        str,
        Query(
            max_length=200, description="Only entries about this artifact, `owner/name`. Optional for administrators."
        ),
    ] = "",
    limit: Annotated[int, Query(ge=1, le=1000, description="Maximum number of entries.")] = 100,
    cursor: Annotated[str, Query(max_length=1000, description="Cursor of the previous page.")] = "",  # noqa: ARG001 - for the document
) -> Response:
    """List audit entries: who changed what, and when.

    Raises Unauthenticated, Forbidden.
    """
    caller = caller_of(request, hub)
    account = account_of(caller)
    if not caller.is_admin:
        if not subject:
            raise Forbidden(
                f"`{account.name}` is not an administrator of this server: pass one of your artifacts as `subject`."
            )
        require_admin(caller, ArtifactName.parse(subject, account.name))
    before = offset_of(request)
    found = read_audit(hub.registry.database, subject=subject, before=before, limit=limit)
    entries = found if caller.is_admin else [replace(each, address="") for each in found]
    return json_response(
        {"entries": entries, "cursor": write_cursor(request, found[-1].id) if len(found) == limit else None}
    )
