"""The part `device-login`: authorize a device from a browser, as `hf auth login` does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.part import ServerPart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.http.routing import RouteSpec


class DeviceLogin(ServerPart):
    """OAuth's device flow, refresh tokens and the page where a user authorizes a device."""

    name = "device-login"
    tables = ("server.parts.device_login.tables",)

    def routes(self) -> Sequence[RouteSpec]:
        """Return the OAuth endpoints and the page."""
        from server.parts.device_login import oauth, page

        return (*oauth.ROUTES, *page.ROUTES)
