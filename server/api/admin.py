"""/api/v1/admin: what `hub admin --endpoint` asks for. Only administrators get in; tokens for one artifact do not."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request

from hub.administration import LocalAdministration
from hub.administration.wire import write
from hub.errors import Forbidden
from server.access import Hub
from server.addresses import Segment
from server.api.admin_bodies import (
    AccountBody,
    AccountsBody,
    AuditLinesBody,
    DebtsBody,
    DeliveriesBody,
    DueBody,
    FreedBody,
    HooksBody,
    HostBody,
    HostsBody,
    MembersBody,
    MembershipBody,
    NewOrganisation,
    NewPassword,
    NewQuota,
    NewRole,
    NewStanding,
    NewToken,
    NewUser,
    PolicyBody,
    QuotaBody,
    QuotasBody,
    SecretBody,
    TokenBody,
    TokensBody,
    ToldBody,
    WhatIsDue,
    WhetherAllowed,
    WhetherAnyFile,
)
from server.api.document import query_parameter, route
from server.identity import account_of, actor_of, caller_of

_AUDIT = [
    query_parameter("subject", "Only of this artifact or account.", {"type": "string", "maxLength": 200}),
    query_parameter("limit", "How many lines.", {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 50}),
]
_OUTBOX = [
    query_parameter(
        "limit", "How many debts, the oldest.", {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 1000}
    )
]
Answer = dict[str, Any]


def add_administration(app: FastAPI) -> None:
    """The addresses, one for each method of `hub.administration.Administration`.

    Signing keys are not among them: `server.api.security` lets administrators in as it lets owners.
    """

    def add(method: str, path: str, endpoint: Any, body: Any, *errors: int, **options: Any) -> None:
        route(app, method, f"/admin{path}", endpoint, body, tag="operate", errors=(403, *errors), login=True, **options)

    add("GET", "/users", list_users, AccountsBody)
    add("POST", "/users", add_user, AccountBody, 409)
    add("DELETE", "/users/{name}", remove_user, AccountBody, 404)
    add("POST", "/users/{name}/restore", restore_user, AccountBody, 404)
    add("PUT", "/users/{name}/password", set_password, AccountBody, 404)
    add("PUT", "/users/{name}/admin", set_admin, AccountBody, 404)
    add("GET", "/users/{name}/tokens", list_tokens, TokensBody, 404)
    add("POST", "/users/{name}/tokens", create_token, SecretBody, 404)
    add("DELETE", "/users/{name}/tokens/{number}", revoke_token, TokenBody, 404)
    add("GET", "/organisations", list_organisations, AccountsBody)
    add("POST", "/organisations", add_organisation, AccountBody, 409)
    add("GET", "/organisations/{name}/members", list_members, MembersBody, 404)
    add("PUT", "/organisations/{name}/members/{user}", set_member, MembershipBody, 404)
    add("GET", "/quotas", list_quotas, QuotasBody)
    add("GET", "/quotas/{name}", show_quota, QuotaBody, 404)
    add("PUT", "/quotas/{name}", set_quota, QuotaBody, 404)
    add("PUT", "/repositories/{name}/policy", allow_any_file, PolicyBody, 404)
    add("DELETE", "/tombstones/{name}", free_name, FreedBody, 404)
    add("GET", "/users/{name}/webhooks", list_hooks, HooksBody, 404)
    add("GET", "/webhooks/{webhook}/deliveries", list_told, DeliveriesBody, 404)
    add("GET", "/webhook-hosts", list_hosts, HostsBody)
    add("PUT", "/webhook-hosts/{host}", allow_host, HostBody)
    add("GET", "/outbox", list_debts, DebtsBody, parameters=_OUTBOX)
    add("POST", "/outbox/retry", retry_debts, DueBody)
    add("GET", "/audit", list_audit, AuditLinesBody, parameters=_AUDIT)


def _administration(request: Request, hub: Hub) -> LocalAdministration:
    """Raises Unauthenticated for nobody, Forbidden for everybody who is no administrator, and for tokens that only read."""
    caller = caller_of(request, hub)
    account = account_of(caller)
    if not caller.may_change_server:
        raise Forbidden(
            f"`{account.name}` may not administer this server with this token: an administrator's that writes may."
        )
    return LocalAdministration(hub, actor_of(request, caller))


Admin = Annotated[LocalAdministration, Depends(_administration)]


def list_users(admin: Admin) -> Answer:
    """Everybody who has not been removed."""
    return _items(admin.users())


def add_user(admin: Admin, body: NewUser) -> Answer:
    """A new user, who can log in with a token, or a password once one is set."""
    return write(admin.add_user(body.name, is_admin=body.is_admin, full_name=body.full_name, email=body.email))


def remove_user(admin: Admin, name: Segment) -> Answer:
    """Nobody is this user any more; what the user owns stays, and so does the name."""
    return write(admin.remove_user(name))


def restore_user(admin: Admin, name: Segment) -> Answer:
    """A removed user comes back, without tokens, password and memberships."""
    return write(admin.restore_user(name))


def set_password(admin: Admin, name: Segment, body: NewPassword) -> Answer:
    """The user's password on pages; every browser is logged out."""
    return write(admin.set_password(name, body.password))


def set_admin(admin: Admin, name: Segment, body: NewStanding) -> Answer:
    """Make a user an administrator of the whole server, or one no longer."""
    return write(admin.set_admin(name, is_admin=body.is_admin))


def list_tokens(admin: Admin, name: Segment) -> Answer:
    """Tokens of a user, newest first."""
    return _items(admin.tokens(name))


def create_token(admin: Admin, name: Segment, body: NewToken) -> Answer:
    """A new token; its secret is in this answer and nowhere else."""
    return {"token": admin.create_token(name, body.role, artifact=body.artifact, label=body.name, days=body.days)}


def revoke_token(admin: Admin, name: Segment, number: int) -> Answer:
    """Make a token worthless, for ever."""
    return write(admin.revoke_token(name, number))


def list_organisations(admin: Admin) -> Answer:
    """All organisations."""
    return _items(admin.organisations())


def add_organisation(admin: Admin, body: NewOrganisation) -> Answer:
    """A new organisation, without members."""
    return write(admin.add_organisation(body.name, full_name=body.full_name))


def list_members(admin: Admin, name: Segment) -> Answer:
    """Users of an organisation, with their roles."""
    return _items(admin.members(name))


def set_member(admin: Admin, name: Segment, user: Segment, body: NewRole) -> Answer:
    """Give a user a role in an organisation; an empty one takes the user out."""
    return write(admin.set_member(name, user, body.role))


def list_quotas(admin: Admin) -> Answer:
    """What every owner keeps, and may keep."""
    return _items(admin.quotas())


def show_quota(admin: Admin, name: Segment) -> Answer:
    """What an owner keeps, and may keep."""
    return write(admin.quota(name))


def set_quota(admin: Admin, name: Segment, body: NewQuota) -> Answer:
    """Limit what an owner may keep; `null` takes the limit away."""
    return write(admin.set_quota(name, body.quota_bytes))


def allow_any_file(admin: Admin, name: Segment, body: WhetherAnyFile) -> Answer:
    """Let an artifact, `owner%2Fname`, hold pickles, archives and programs, or no longer."""
    return {"name": admin.allow_any_file(name, allowed=body.any_file), "any_file": body.any_file}


def free_name(admin: Admin, name: Segment) -> Answer:
    """Let a name, `owner%2Fname`, be given again that was deleted or moved."""
    return {"name": admin.free_name(name)}


def list_hooks(admin: Admin, name: Segment) -> Answer:
    """Webhooks of a user, without their secrets."""
    return _items(admin.webhooks(name))


def list_told(admin: Admin, webhook: Segment) -> DeliveriesBody:
    """What a webhook was told of late, and how it answered."""
    return DeliveriesBody(items=[ToldBody.of(each) for each in admin.deliveries(webhook)])


def list_hosts(admin: Admin) -> Answer:
    """Hosts of the server's own network that webhooks may reach."""
    return {"items": [{"host": host, "allowed": True} for host in admin.webhook_hosts()]}


def allow_host(admin: Admin, host: Segment, body: WhetherAllowed) -> Answer:
    """Let webhooks reach a host of the server's own network, without TLS too, or no longer."""
    return {"host": admin.allow_webhook_host(host, allowed=body.allowed), "allowed": body.allowed}


def list_debts(admin: Admin, limit: int = 1000) -> Answer:
    """What waits for the server's worker, and what it has given up."""
    return _items(admin.outbox(limit=limit))


def retry_debts(admin: Admin, body: WhatIsDue) -> Answer:
    """Make all of a task, or everything, due now, what was given up included."""
    return {"due": admin.retry_outbox(body.task)}


def list_audit(admin: Admin, subject: str = "", limit: int = 50) -> Answer:
    """Who changed what, the newest first."""
    return _items(admin.audit(subject=subject, limit=limit))


def _items(records: list[Any]) -> Answer:
    return {"items": [write(each) for each in records]}
