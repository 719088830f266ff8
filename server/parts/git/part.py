"""The part `git`: clone over HTTP, with errors that git and git-lfs can show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.names import COMMIT_DIGITS
from server.part import ServerPart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import Request
    from starlette.responses import Response

    from hub.errors import HubError
    from hub.registry.database.database import Database
    from server.http.routing import RouteSpec


class Git(ServerPart):
    """Read access for git and git-lfs."""

    name = "git"
    tables = ("server.parts.git.tables",)

    def revision(self, database: Database, artifact_id: int, text: str) -> str | None:
        """Return the revision with a git commit id."""
        if len(text) != COMMIT_DIGITS:
            return None
        from server.parts.git.commits import revision_of

        return revision_of(database, artifact_id, text)

    def routes(self) -> Sequence[RouteSpec]:
        """Return the endpoints of git and of Git LFS's locks."""
        from server.parts.git.service import ROUTES

        return ROUTES

    def error_response(
        self, request: Request, status: int, message: str, headers: dict[str, str], error: HubError | None
    ) -> Response | None:
        """Return the error in the format of git or git-lfs; a 401 where credentials could help."""
        from server.parts.git.error_responses import git_error

        return git_error(request, status, message, headers, error)
