"""The caller and their permissions: whoami, auth-check, users and organisations."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from starlette.responses import JSONResponse, Response

from hub.errors import Unauthenticated, UnknownAccount
from hub.records import Query
from hub.registry.accounts.permissions import ORGANISATION, Account
from server.auth.access import Hub, ReadableRepository, WritableRepository
from server.auth.caller import caller_of
from server.http.times import to_rfc3339
from server.http.urls import Segment


def who_am_i(request: Request, hub: Hub) -> Response:
    """Return the account and the token. Raises Unauthenticated without a token, as `hf auth login` expects."""
    caller = caller_of(request, hub)
    if caller.account is None or caller.token is None:
        raise Unauthenticated("Invalid username or password.")
    account = caller.account
    organisations = [
        {"type": "org", "id": str(each.id), "name": each.name, "fullname": each.full_name, "roleInOrg": role}
        for each, role in hub.accounts.organisations(account)
    ]
    token = {
        "displayName": caller.token.name,
        "role": "fineGrained" if caller.token.artifact else caller.token.role,
        "createdAt": to_rfc3339(caller.token.created_at),
    }
    return JSONResponse(
        {
            "type": "user",
            "id": str(account.id),
            "name": account.name,
            "fullname": account.full_name,
            "email": account.email or None,
            "emailVerified": bool(account.email),
            "canPay": False,
            "periodEnd": None,
            "isPro": False,
            "avatarUrl": "",
            "orgs": organisations,
            "auth": {"type": "access_token", "accessToken": token},
        }
    )


def check_reading(repository: ReadableRepository) -> Response:
    """Return 200 if the caller can download the files."""
    return JSONResponse({"id": repository.name.repository})


def check_writing(repository: WritableRepository) -> Response:
    """Return 200 if the caller has write access."""
    return JSONResponse({"id": repository.name.repository})


def show_user(request: Request, hub: Hub, name: Segment) -> Response:
    """Return the response to `HfApi.get_user_overview`. Raises UnknownAccount."""
    account = _of_kind(hub, name, organisation=False)
    organisations = [{"name": each.name, "fullname": each.full_name} for each, _ in hub.accounts.organisations(account)]
    body = {"user": account.name, "type": "user", "isPro": False, "orgs": organisations, "numLikes": 0}
    return JSONResponse(_overview(request, hub, account) | body)


def show_organisation(request: Request, hub: Hub, name: Segment) -> Response:
    """Return the response to `HfApi.get_organization_overview`. Raises UnknownAccount."""
    account = _of_kind(hub, name, organisation=True)
    body = {"name": account.name, "type": "org", "numUsers": len(hub.accounts.members(account)), "isEnterprise": False}
    return JSONResponse(_overview(request, hub, account) | body)


def list_members(hub: Hub, name: Segment) -> Response:
    """Return the response to `HfApi.list_organization_members`. Raises UnknownAccount."""
    members = hub.accounts.members(_of_kind(hub, name, organisation=True))
    return JSONResponse([person(each.name, each.full_name) for each, _ in members])


def person(name: str, full_name: str) -> dict[str, str]:
    """Return a user in the format of user lists."""
    return {"user": name, "fullname": full_name, "avatarUrl": "", "type": "user"}


def _of_kind(hub: Hub, name: str, *, organisation: bool) -> Account:
    found = hub.accounts.find(name)
    if found is None or (found.kind == ORGANISATION) != organisation:
        raise UnknownAccount(name)
    return found


def _overview(request: Request, hub: Hub, account: Account) -> dict[str, Any]:
    readers = caller_of(request, hub).readers()
    page = hub.registry.find(Query(owner=account.name, limit=0, readers=readers))
    datasets = page.facets.get("kind", {}).get("dataset", 0)
    return {
        "fullname": account.full_name,
        "avatarUrl": "",
        "numModels": page.total - datasets,
        "numDatasets": datasets,
        "createdAt": to_rfc3339(account.created_at),
    }
