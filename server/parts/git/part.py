"""The part `git`: clone over HTTP, and errors as git and git-lfs show them."""

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
    from server.http.routing import Address


class Git(ServerPart):
    """Serves repositories to git."""

    name = "git"
    tables = ("server.parts.git.tables",)

    def revision(self, database: Database, artifact_id: int, text: str) -> str | None:
        """Return the revision that git calls so in a clone."""
        if len(text) != COMMIT_DIGITS:
            return None
        from server.parts.git.commits import revision_of

        return revision_of(database, artifact_id, text)

    def addresses(self) -> Sequence[Address]:
        """Return git's addresses, and those of Git LFS's locks."""
        from server.parts.git.service import ROUTES

        return ROUTES

    def error_response(
        self, request: Request, status: int, message: str, headers: dict[str, str], error: HubError | None
    ) -> Response | None:
        """Return the error for git or git-lfs; a question for a password where one may help."""
        from server.parts.git.error_answers import asks_for_password, in_gits_words, is_for_git, password_prompt

        if not is_for_git(request):
            return None
        if error is not None and asks_for_password(request, error):
            return password_prompt(request, message)
        return in_gits_words(request, status, message, headers)
