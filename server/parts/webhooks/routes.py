"""The webhook endpoints of our API, and those that Hugging Face's client calls."""

from __future__ import annotations

from functools import partial

from fastapi import Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from server.auth.access import Hub
from server.auth.caller import actor_of
from server.http.routing import RouteSpec, below
from server.http.urls import Segment
from server.openapi.document import documented
from server.parts.webhooks import deliveries, webhooks
from server.parts.webhooks.bodies import ClientWebhookIn, DeliveryBody, WebhookBody, WebhookIn, change, create, owner_of

EXAMPLE = {
    "id": "0a1b2c3d4e5f60718293a4b5", "url": "https://ci.example.org/linguahub", "secret": None, "disabled": False,
    "watched": [{"type": "model", "name": "ada/mulan-yo"}], "domains": ["repo", "score"],
}  # fmt: skip


class WebhooksBody(BaseModel):
    """The webhooks of an account."""

    items: list[WebhookBody]


class DeliveriesBody(BaseModel):
    """The latest deliveries of a webhook, newest first."""

    items: list[DeliveryBody]


def list_for_client(request: Request, hub: Hub) -> Response:
    """Return the response to `HfApi.list_webhooks`."""
    return JSONResponse([each.model_dump() for each in _all(request, hub)])


def create_for_client(request: Request, hub: Hub, body: ClientWebhookIn) -> Response:
    """Return the response to `HfApi.create_webhook`."""
    return _wrapped(WebhookBody.of(create(request, hub, body), body.secret))


def show_for_client(request: Request, hub: Hub, webhook: Segment) -> Response:
    """Return the response to `HfApi.get_webhook`."""
    return _wrapped(get_webhook(request, hub, webhook))


def change_for_client(request: Request, hub: Hub, webhook: Segment, body: ClientWebhookIn) -> Response:
    """Return the response to `HfApi.update_webhook`."""
    return _wrapped(update_webhook(request, hub, webhook, body))


def delete_for_client(request: Request, hub: Hub, webhook: Segment) -> Response:
    """Return the response to `HfApi.delete_webhook`."""
    delete_webhook(request, hub, webhook)
    return JSONResponse({})


def enable_for_client(request: Request, hub: Hub, webhook: Segment) -> Response:
    """Enable a webhook."""
    return _wrapped(WebhookBody.of(change(request, hub, webhook, None, disabled=False)))


def disable_for_client(request: Request, hub: Hub, webhook: Segment) -> Response:
    """Disable a webhook. Waiting deliveries are dropped."""
    return _wrapped(WebhookBody.of(change(request, hub, webhook, None, disabled=True)))


def list_webhooks(request: Request, hub: Hub) -> WebhooksBody:
    """List the caller's webhooks."""
    return WebhooksBody(items=_all(request, hub))


def create_webhook(request: Request, hub: Hub, body: WebhookIn) -> WebhookBody:
    """Create a webhook for repositories, users or organisations."""
    return WebhookBody.of(create(request, hub, body), body.secret)


def get_webhook(request: Request, hub: Hub, webhook: Segment) -> WebhookBody:
    """Return a webhook of the caller."""
    account, _ = owner_of(request, hub)
    return WebhookBody.of(webhooks.get_webhook(hub.registry.database, account, webhook))


def update_webhook(request: Request, hub: Hub, webhook: Segment, body: WebhookIn) -> WebhookBody:
    """Change the given fields of a webhook."""
    return WebhookBody.of(change(request, hub, webhook, body), body.secret)


def delete_webhook(request: Request, hub: Hub, webhook: Segment) -> WebhooksBody:
    """Delete a webhook and its deliveries, and list the remaining webhooks."""
    account, caller = owner_of(request, hub, writes=True)
    webhooks.delete_webhook(hub.registry.database, account, webhook, actor_of(request, caller))
    return WebhooksBody(items=_all(request, hub))


def list_deliveries(request: Request, hub: Hub, webhook: Segment) -> DeliveriesBody:
    """List the latest deliveries of a webhook and their responses."""
    account, _ = owner_of(request, hub)
    found = deliveries.deliveries(hub.registry.database, webhooks.get_webhook(hub.registry.database, account, webhook))
    return DeliveriesBody(items=[DeliveryBody.of(each) for each in found])


def redeliver(request: Request, hub: Hub, webhook: Segment, delivery: Segment) -> DeliveryBody:
    """Send a delivery again, with the same id."""
    account, _ = owner_of(request, hub, writes=True)
    found = webhooks.get_webhook(hub.registry.database, account, webhook)
    return DeliveryBody.of(deliveries.redeliver(hub.registry.database, found, delivery))


def _all(request: Request, hub: Hub) -> list[WebhookBody]:
    account, _ = owner_of(request, hub)
    return [WebhookBody.of(each) for each in webhooks.webhooks_of(hub.registry.database, account)]


def _wrapped(body: WebhookBody) -> Response:
    return JSONResponse({"webhook": body.model_dump()})


_own = partial(documented, tag="webhooks", login=True)
_one = partial(_own, errors=(403, 404))
_ONE = "/webhooks/{webhook}"
ROUTES = (
    *below(
        "/api/settings/webhooks",
        RouteSpec("GET", "", list_for_client),
        RouteSpec("POST", "", create_for_client),
        RouteSpec("GET", "/{webhook}", show_for_client),
        RouteSpec("POST", "/{webhook}", change_for_client),
        RouteSpec("DELETE", "/{webhook}", delete_for_client),
        RouteSpec("POST", "/{webhook}/enable", enable_for_client),
        RouteSpec("POST", "/{webhook}/disable", disable_for_client),
    ),
    _own("GET", "/webhooks", list_webhooks, WebhooksBody, example={"items": [EXAMPLE]}),
    _own("POST", "/webhooks", create_webhook, WebhookBody, status=201, errors=(501,), example=EXAMPLE),
    _one("GET", _ONE, get_webhook, WebhookBody, example=EXAMPLE),
    _one("PATCH", _ONE, update_webhook, WebhookBody, errors=(403, 404, 501), example=EXAMPLE),
    _one("DELETE", _ONE, delete_webhook, WebhooksBody),
    _one("GET", _ONE + "/deliveries", list_deliveries, DeliveriesBody),
    _one("POST", _ONE + "/deliveries/{delivery}/redeliver", redeliver, DeliveryBody, status=202),
)
