"""The part `mirror`: repositories of another hub, fetched on demand and stored."""

from __future__ import annotations

import os
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from hub.names import ArtifactName
from hub.records import DATASET
from server.part import ServerPart

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastapi import FastAPI, Request
    from sqlalchemy.orm import Session

    from hub.local import LocalHub
    from hub.names import Digest
    from hub.records import MirrorOrigin
    from hub.registry.database.database import Database
    from hub.registry.parts import Event
    from server.part import Handler
    from server.parts.mirror.settings import MirrorSettings
    from server.parts.mirror.upstream import UpstreamClient


class MirrorPart(ServerPart):
    """Repositories of another hub, with the ids of that hub."""

    name = "mirror"
    tables = ("server.parts.mirror.tables",)
    admin_commands = MappingProxyType({"mirror": "server.parts.mirror.commands:mirror"})

    def __init__(self, upstream: UpstreamClient | None = None, settings: MirrorSettings | None = None) -> None:
        """Mirror `upstream` or the hub at `HUB_MIRROR`. Without either, only stored repositories are served."""
        self._upstream, self._settings = upstream, settings

    def on_event(self, session: Session, event: Event) -> None:
        """Delete the mirror of a repository that is deleted here."""
        if (event.scope, event.action) == ("repo", "delete"):
            from server.parts.mirror.mirrored_repositories import delete_mirror

            delete_mirror(
                session, ArtifactName(event.artifact.owner, event.artifact.name, event.artifact.kind == DATASET)
            )

    def origin(self, database: Database, name: ArtifactName) -> MirrorOrigin | None:
        """Return the origin of a mirrored repository."""
        from server.parts.mirror.mirrored_repositories import origin_of_name

        return origin_of_name(database, name)

    def blobs(self, database: Database) -> Iterable[Digest]:
        """Return the blobs of all mirrored repositories."""
        from server.parts.mirror.mirrored_repositories import blobs_of_mirrors

        return blobs_of_mirrors(database)

    def configure(self) -> None:
        """Read `HUB_MIRROR`, `HUB_MIRROR_TOKEN` and the settings. Raises InvalidRequest."""
        from server.parts.mirror.settings import configured_mirror, is_offline

        self._settings = configured_mirror()
        address = os.environ.get("HUB_MIRROR")
        if address and self._upstream is None and not is_offline():
            from server.parts.mirror.upstream import UpstreamClient  # It imports httpx, which only a mirror needs.

            self._upstream = UpstreamClient(address, os.environ.get("HUB_MIRROR_TOKEN"))

    def attach(self, app: FastAPI, hub: LocalHub) -> None:
        """Create the mirror in `app.state`."""
        from server.parts.mirror.mirror import Mirror

        app.state.mirror = Mirror(hub, self._upstream, self._settings)

    def stop(self, app: FastAPI) -> None:
        """End the downloads and close the connections to the upstream."""
        app.state.mirror.close()
        if self._upstream is not None:
            self._upstream.close()
            self._upstream = None

    def handler_for(self, request: Request, collection: str, name: str) -> Handler | None:
        """Return the handler of the mirror for a repository that is or could be mirrored."""
        from server.parts.mirror.responses import handle_mirrored

        mirror = request.app.state.mirror
        repo = mirror.covers(collection, name)
        return None if repo is None else partial(handle_mirrored, mirror=mirror, repo=repo)
