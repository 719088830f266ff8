"""The interface of an optional part of the server. `hub.registry.parts.Part` is its interface outside the server."""

# ruff: noqa: ARG002 - the methods of the interface are for parts to override.
from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.registry.parts import Part, parts

if TYPE_CHECKING:
    from fastapi import FastAPI, Request
    from starlette.responses import Response

    from hub.errors import HubError
    from hub.local import LocalHub
    from hub.registry.outbox.worker import Task
    from server.http.routing import RouteSpec

Handler = Callable[["Request"], Awaitable["Response"]]
"""A function that responds to a request in place of its endpoint."""


@dataclass(frozen=True, slots=True)
class Component:
    """Something that a server needs for one of its features, as `/status` shows it."""

    name: str
    works: bool
    detail: str = ""
    """Further public information, in the language of the page."""
    problem: str = ""
    """The message of an error, in English."""


class ServerPart(Part):
    """An optional feature of the server. Every method does nothing by default."""

    def configure(self) -> None:
        """Read the part's settings from the environment before the server starts. Raises InvalidRequest."""

    def routes(self) -> Sequence[RouteSpec]:
        """Return the routes of the part. They are matched after the specific routes of the core and before its general ones."""
        return ()

    def beside(self) -> AbstractContextManager[object]:
        """Run what all processes of the server share: `hub serve` enters this once, before they start, and leaves it after their end."""
        return nullcontext()

    def attach(self, app: FastAPI, hub: LocalHub) -> None:
        """Store in `app.state` what the part needs while the server runs."""

    def tasks(self, hub: LocalHub) -> Sequence[Task]:
        """Return the kinds of outbox jobs that the part runs."""
        return ()

    def start(self, hub: LocalHub) -> None:
        """Prepare the part, in the worker's thread and before its first job."""

    def stop(self, app: FastAPI) -> None:
        """Release what `configure` and `attach` have opened, when the server stops and before its hub is closed."""

    def handler_for(self, request: Request, collection: str, name: str) -> Handler | None:
        """Return the function that handles requests for the repository `name`; None to use the endpoint of the core."""
        return None

    async def components(self, app: FastAPI) -> Sequence[Component]:
        """Return what the status page shows of the part."""
        return ()

    def error_response(
        self, request: Request, status: int, message: str, headers: dict[str, str], error: HubError | None
    ) -> Response | None:
        """Return an error in the format of a client that does not support ours; None to use the default format."""
        return None


def server_parts() -> tuple[ServerPart, ...]:
    """Return the enabled parts that extend the server."""
    return tuple(part for part in parts() if isinstance(part, ServerPart))


def overrides(part: ServerPart, method: str) -> bool:
    """Return whether a part overrides `method`. Only such parts are called for each request."""
    return getattr(type(part), method) is not getattr(ServerPart, method)
