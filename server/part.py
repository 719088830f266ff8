"""What an optional part may do in a server, besides what `hub.registry.parts.Part` lets it do in every process."""

# ruff: noqa: ARG002 - the methods of the interface are for parts to override.
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hub.registry.parts import Part, parts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fastapi import FastAPI, Request
    from starlette.responses import Response

    from hub.errors import HubError
    from hub.local import LocalHub
    from hub.outbox import Task

    Answer = Callable[[Request], Awaitable[Response]]
    """Answers a request in the place of the endpoint."""


class ServerPart(Part):
    """An optional feature of the server. `server.app` calls these methods in this order."""

    def attach(self, app: FastAPI, hub: LocalHub) -> None:
        """Add addresses, and whatever the part keeps in `app.state`. Called once, before the addresses of the core."""

    def jobs(self, hub: LocalHub) -> Sequence[Task]:
        """Return the kinds of outbox jobs that the part runs."""
        return ()

    def start(self, hub: LocalHub) -> None:
        """Prepare, in the worker's thread, before its first job."""

    def answer_for(self, request: Request, collection: str, name: str) -> Answer | None:
        """Return what answers for the repository `name` in the place of the core; None leaves it to the core."""
        return None

    def error_response(
        self,
        request: Request,
        status: int,
        message: str,
        headers: dict[str, str],
        error: HubError | None,
    ) -> Response | None:
        """Return an error in the words of a client that does not read ours; None leaves it to the core."""
        return None


def server_parts() -> tuple[ServerPart, ...]:
    """Return the installed parts that do something in a server."""
    return tuple(part for part in parts() if isinstance(part, ServerPart))
