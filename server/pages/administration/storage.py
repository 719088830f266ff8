"""/administration/storage: what owners use, their quotas, and the state of the store."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from hub.registry.artifacts.usage import largest_owners, totals
from server.auth.access import Hub
from server.pages.administration.administration_frame import STORAGE, AdministratorSession, administration_page

_MAX_OWNERS = 100


def show_storage(request: Request, hub: Hub, session: AdministratorSession) -> Response:  # noqa: ARG001 - the dependency checks it
    """List the owners by the size of what they have."""
    database = hub.registry.database
    owners = largest_owners(database, _MAX_OWNERS)
    context = {
        "owners": [(name, used, hub.accounts.find(name)) for name, used in owners],
        "largest": max((used for _, used in owners), default=0),
        "totals": totals(database),
        "free_bytes": hub.store.free_bytes(),
    }
    return administration_page("storage.html", STORAGE, request, hub, context)
