"""The part `webhooks`: notify URLs of changes to repositories."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from server.part import ServerPart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from hub.local import LocalHub
    from hub.registry.outbox.worker import Task
    from hub.registry.parts import Event
    from server.http.routing import RouteSpec


class WebhooksPart(ServerPart):
    """Signed notifications of events, with retries."""

    name = "webhooks"
    tables = ("server.parts.webhooks.tables",)
    operations = ("server.parts.webhooks.operations",)
    admin_commands = MappingProxyType({"webhook": "server.parts.webhooks.commands:webhooks"})

    def listens(self, session: Session) -> bool:
        """Return whether any webhook exists."""
        from server.parts.webhooks.listen import has_webhooks

        return has_webhooks(session)

    def on_event(self, session: Session, event: Event) -> None:
        """Enqueue deliveries; after a move, watch the new name."""
        from server.parts.webhooks.listen import enqueue_deliveries, watch_new_name

        enqueue_deliveries(session, event)
        if event.action == "move":
            watch_new_name(session, event)

    def routes(self) -> Sequence[RouteSpec]:
        """Return the endpoints of the API and those of huggingface_hub."""
        from server.parts.webhooks.routes import ROUTES

        return ROUTES

    def tasks(self, hub: LocalHub) -> Sequence[Task]:
        """Return the job that sends deliveries."""
        from server.parts.webhooks.deliver import delivery_task

        return (delivery_task(hub),)
