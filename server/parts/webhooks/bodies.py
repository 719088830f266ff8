"""Request and response bodies of webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field

from hub.errors import Forbidden, NotServed
from hub.local import LocalHub
from hub.registry.accounts.permissions import Account, Caller
from server.auth.caller import account_of, actor_of, caller_of
from server.http.urls import absolute
from server.parts.webhooks.deliveries import Delivery
from server.parts.webhooks.destinations import read_destination
from server.parts.webhooks.webhooks import DOMAINS, KINDS, Watched, Webhook, add_webhook, allowed_hosts, change_webhook


class WatchedBody(BaseModel):
    """Something to watch: `model`, `dataset`, `user`, `org`, or `everything` for administrators."""

    type: str = Field(json_schema_extra={"enum": list(KINDS)})
    name: str = Field(default="", description="`owner/name`, a user or an organisation; empty for `everything`.")


class WebhookIn(BaseModel):
    """A webhook as clients send it; absent fields stay unchanged."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "url": "https://ci.example.org/linguahub",
                "watched": [{"type": "model", "name": "ada/mulan-yo"}],
                "domains": ["repo", "score"],
                "secret": "a long random string",
            }
        }
    )
    url: str | None = Field(
        default=None, description="`https://…`; `http://…` only for hosts that an administrator allows."
    )
    watched: list[WatchedBody] = Field(default_factory=list)
    domains: list[Annotated[str, Field(json_schema_extra={"enum": list(DOMAINS)})]] | None = None
    secret: str | None = Field(
        default=None, description="At most 256 printable ASCII characters. Signs the deliveries."
    )


class ClientWebhookIn(WebhookIn):
    """A webhook with the extra field of Hugging Face's client."""

    jobSourceId: str | None = None


class WebhookBody(BaseModel):
    """A webhook. The secret is returned only in the response that sets it."""

    id: str
    url: str
    watched: list[WatchedBody]
    domains: list[str]
    secret: str | None
    disabled: bool

    @classmethod
    def of(cls, webhook: Webhook, secret: str | None = None) -> WebhookBody:
        """Return the body of a webhook."""
        watched = [WatchedBody(type=each.kind, name=each.name) for each in webhook.watched]
        return cls(
            id=webhook.id, url=webhook.url, watched=watched, domains=list(webhook.domains), secret=secret or None,
            disabled=webhook.disabled,
        )  # fmt: skip


class DeliveryBody(BaseModel):
    """A delivery, and the receiver's last response."""

    id: str
    scope: str
    action: str
    attempts: int
    delivered: bool
    status: int | None
    error: str
    duration_ms: int | None
    created_at: datetime | None
    tried_at: datetime | None
    body: str
    """The body as signed and sent."""

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        """Return the body of a delivery."""
        return cls(**{name: getattr(delivery, name) for name in cls.model_fields})


def owner_of(request: Request, hub: LocalHub, *, writes: bool = False) -> tuple[Account, Caller]:
    """Return the caller and their account. Raises Unauthenticated; Forbidden for a token without access to webhooks."""
    caller = caller_of(request, hub)
    account = account_of(caller)
    if not (caller.may_act if writes else caller.may_list(account.name)):
        raise Forbidden(
            f"webhooks of `{account.name}` need a token with the role `write` that is not limited to one repository."
        )
    return account, caller


def create(request: Request, hub: LocalHub, body: WebhookIn) -> Webhook:
    """Create a webhook. Raises Unauthenticated, InvalidRequest, Forbidden, NotServed."""
    account, caller = owner_of(request, hub, writes=True)
    _check_url(hub, body, body.url or "")
    return add_webhook(
        hub.registry.database, account, body.url or "", _watched(body), body.domains or ("repo", "score"), actor_of(request, caller),
        secret=body.secret or "", origin=absolute(request, ""),
    )  # fmt: skip


def change(
    request: Request, hub: LocalHub, webhook_id: str, body: WebhookIn | None, *, disabled: bool | None = None
) -> Webhook:
    """Change a webhook. Raises UnknownWebhook, and the errors of `create`."""
    account, caller = owner_of(request, hub, writes=True)
    given = body or WebhookIn()
    _check_url(hub, given, given.url)
    return change_webhook(
        hub.registry.database, account, webhook_id, actor_of(request, caller), url=given.url, watched=_watched(given),
        domains=given.domains, secret=given.secret, disabled=disabled,
    )  # fmt: skip


def _check_url(hub: LocalHub, body: WebhookIn, url: str | None) -> None:
    if isinstance(body, ClientWebhookIn) and body.jobSourceId is not None:
        raise NotServed("jobs are not supported: set the `url` of the webhook.")
    if url is not None:
        read_destination(url, allowed_hosts(hub.registry.database))


def _watched(body: WebhookIn) -> list[Watched]:
    return [Watched(each.type, each.name) for each in body.watched]
