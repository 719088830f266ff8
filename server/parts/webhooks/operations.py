"""Operations on the webhooks of accounts, and on the internal hosts that they can reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.administration.operation import Operation
from hub.errors import UnknownWebhook
from server.parts.webhooks.deliveries import Delivery, deliveries
from server.parts.webhooks.webhooks import Webhook, allow_host, allowed_hosts, find_webhook, host_of, webhooks_of

if TYPE_CHECKING:
    from hub.local import LocalHub
    from hub.registry.accounts.permissions import Actor


@dataclass(frozen=True, slots=True)
class WebhookSummary:
    """A webhook as administrators see it: without its secret, and with only the host of its URL, which can contain a token."""

    id: str
    host: str
    watched: list[str]
    """Each as kind and name: `model ada/yo`."""
    disabled: bool


@dataclass(frozen=True, slots=True)
class WebhookHost:
    """A host of the server's internal network."""

    host: str
    allowed: bool
    """Whether webhooks can reach it."""


class ListUserWebhooks(Operation[list[WebhookSummary]]):
    """List the webhooks of a user, oldest first, without their secrets."""

    path = "/admin/users/{name}/webhooks"
    name: str

    def run(self, hub: LocalHub, actor: Actor) -> list[WebhookSummary]:
        return [_summary(each) for each in webhooks_of(hub.registry.database, hub.accounts.get(self.name))]


class ListWebhookDeliveries(Operation[list[Delivery]]):
    """List the latest deliveries of a webhook and their responses, newest first."""

    path = "/admin/webhooks/{webhook}/deliveries"
    webhook: str

    def run(self, hub: LocalHub, actor: Actor) -> list[Delivery]:
        known = find_webhook(hub.registry.database, self.webhook)
        if known is None:
            raise UnknownWebhook(self.webhook[:100])
        return deliveries(hub.registry.database, known)


class ListWebhookHosts(Operation[list[WebhookHost]]):
    """List the hosts of the server's internal network that webhooks can reach."""

    path, errors = "/admin/webhook-hosts", ()

    def run(self, hub: LocalHub, actor: Actor) -> list[WebhookHost]:
        return [WebhookHost(each, True) for each in sorted(allowed_hosts(hub.registry.database))]


class AllowWebhookHost(Operation[WebhookHost]):
    """Allow webhooks to reach a host of the server's internal network, also without TLS, or forbid it again."""

    method, path, errors = "PUT", "/admin/webhook-hosts/{host}", ()
    host: str
    allowed: bool

    def run(self, hub: LocalHub, actor: Actor) -> WebhookHost:
        allow_host(hub.registry.database, self.host, actor, allowed=self.allowed)
        return WebhookHost(self.host.lower(), self.allowed)


def _summary(webhook: Webhook) -> WebhookSummary:
    watched = [f"{each.kind} {each.name}".strip() for each in webhook.watched]
    return WebhookSummary(webhook.id, host_of(webhook.url), watched, webhook.disabled)


OPERATIONS = (ListUserWebhooks, ListWebhookDeliveries, ListWebhookHosts, AllowWebhookHost)
