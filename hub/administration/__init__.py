"""Everything that an administrator does: on the registry that is here, or on a server."""

from hub.administration.contract import Administration, Quota
from hub.administration.here import LocalAdministration
from hub.administration.there import RemoteAdministration

__all__ = ["Administration", "LocalAdministration", "Quota", "RemoteAdministration"]
