"""What an optional part may do in a server, besides what `hub.registry.parts.Part` lets it do in every process."""

# ruff: noqa: ARG002 - the methods of the interface are for parts to override.
from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from hub.registry.parts import Part, parts

if TYPE_CHECKING:
    from fastapi import FastAPI, Request
    from starlette.responses import Response

    from hub.errors import HubError
    from hub.local import LocalHub
    from hub.registry.outbox.worker import Task
    from server.http.routing import Address

Answer = Callable[["Request"], Awaitable["Response"]]
"""Answers a request in the place of its endpoint."""


class ServerPart(Part):
    """An optional feature of the server. Every method does nothing by default."""

    def configure(self) -> None:
        """Read the part's settings from the environment, before the server begins. Raises WrongRequest."""

    def addresses(self) -> Sequence[Address]:
        """Return the part's addresses. They are tried after the specific ones of the core and before its general ones."""
        return ()

    def attach(self, app: FastAPI, hub: LocalHub) -> None:
        """Keep in `app.state` what the part needs while the server runs."""

    def jobs(self, hub: LocalHub) -> Sequence[Task]:
        """Return the kinds of outbox jobs that the part runs."""
        return ()

    def start(self, hub: LocalHub) -> None:
        """Prepare, in the worker's thread, before its first job."""

    def stop(self) -> None:
        """Give back what `configure` has opened, when the server ends."""

    def answer_for(self, request: Request, collection: str, name: str) -> Answer | None:
        """Return what answers for the repository `name` in the place of the core; None leaves it to the core."""
        return None

    def error_response(
        self, request: Request, status: int, message: str, headers: dict[str, str], error: HubError | None
    ) -> Response | None:
        """Return an error in the words of a client that does not read ours; None leaves it to the core."""
        return None


def server_parts() -> tuple[ServerPart, ...]:
    """Return the parts in use that do something in a server."""
    return tuple(part for part in parts() if isinstance(part, ServerPart))


def overrides(part: ServerPart, method: str) -> bool:
    """Return whether a part has a `method` of its own: the others need not be asked at every request."""
    return getattr(type(part), method) is not getattr(ServerPart, method)
