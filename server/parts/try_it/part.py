"""The part `try-it`: the page `/try`, its API, and the processes that generate images."""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from hub.errors import HubError
from server.part import Component, ServerPart

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from fastapi import FastAPI

    from hub.local import LocalHub
    from server.http.routing import RouteSpec


class TryIt(ServerPart):
    """Images from prompts that visitors type, generated in processes that the server's own processes share."""

    name = "try-it"

    def __init__(self) -> None:
        self._running = ExitStack()

    def configure(self) -> None:
        """Read `HUB_TRY`. Raises InvalidRequest."""
        from server.parts.try_it.settings import configured_settings

        self._settings = configured_settings()

    def beside(self) -> AbstractContextManager[object]:
        """Run the queue, and pass its address to the processes of the server."""
        from server.parts.try_it.service import running_service

        os.environ["HUB_TRY_SOCKET"] = str(self._running.enter_context(running_service(self._settings)))
        self._running.callback(os.environ.pop, "HUB_TRY_SOCKET", None)
        return closing(self._running)

    def stop(self, app: FastAPI) -> None:  # noqa: ARG002 - the interface of parts
        """End the queue, in the process that runs it. A signal may end this process before it leaves `beside`."""
        self._running.close()

    def attach(self, app: FastAPI, hub: LocalHub) -> None:  # noqa: ARG002 - the interface of parts
        """Create the client of the queue in `app.state`."""
        from server.parts.try_it.service import configured_client

        app.state.try_it = configured_client()

    def routes(self) -> Sequence[RouteSpec]:
        """Return the page and the endpoints of the API."""
        from server.parts.try_it import api, try_page

        return (*api.ROUTES, *try_page.ROUTES)

    async def components(self, app: FastAPI) -> Sequence[Component]:
        """Return the queue and its processes."""
        from server.site.translation import gettext

        name = gettext("Image generation")
        try:
            status = await app.state.try_it.ask("status")
        except HubError as error:
            return (Component(name, works=False, problem=str(error)),)
        detail = gettext(
            "%(waiting)s waiting, %(running)s running", waiting=status["waiting"], running=status["running"]
        )
        problem = status["unavailable"]
        return (Component(name, works=not problem, detail="" if problem else detail, problem=problem),)
