"""The part `device-login`: programs that are let in by a person with a browser, as `hf auth login` asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.part import ServerPart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.http.routing import Address


class DeviceLogin(ServerPart):
    """Serves OAuth's device flow, refresh tokens and the page where a person answers."""

    name = "device-login"
    tables = ("server.parts.device_login.tables",)

    def addresses(self) -> Sequence[Address]:
        """Return OAuth's addresses and the page's."""
        from server.parts.device_login import oauth, page

        return (*oauth.ROUTES, *page.ROUTES)
