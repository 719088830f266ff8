"""GET …/commits/{revision} and …/commit/{revision}: the history and one commit, which clients link to."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request
from starlette.responses import Response

from hub.errors import InvalidRequest, UnknownRevision
from hub.local import LocalHub
from hub.records import Artifact, File, Revision
from hub.registry.artifacts.files import find_files
from hub.registry.artifacts.history import ancestors, changed_files
from server.auth.access import DescribedArtifact, Hub
from server.http.search_parameters import read_number
from server.http.urls import Segment, commit_id, with_parameters
from server.pages.rendering import render

PAGE = 50
"""Commits per page."""
MAX_CHANGES = 500
"""Changed files on the page of a commit."""


def show_commits(request: Request, hub: Hub, artifact: DescribedArtifact, revision: Segment) -> Response:
    """Show the commits of a revision and its ancestors, newest first, including yanked ones. Raises UnknownRevision, InvalidRequest."""
    start = hub.registry.tip(artifact.name, revision, with_files=False)
    history = ancestors(hub.registry.revisions(artifact.name, with_files=False), start)
    page = read_number("page", request.query_params.get("page", "1"), 1, 10**6)
    listed = history[(page - 1) * PAGE : page * PAGE]
    if not listed:
        raise InvalidRequest(f"there are only {-(-len(history) // PAGE)} pages of commits.")
    older = with_parameters(request, page=page + 1) if page * PAGE < len(history) else ""
    newer = with_parameters(request, page=page - 1) if page > 1 else ""
    context = {"artifact": artifact, "revision": revision, "total": len(history), "older": older, "newer": newer}
    return render("commits.html", {**context, "commits": listed, "commit_id": commit_id}, request=request)


def show_commit(request: Request, hub: Hub, artifact: DescribedArtifact, revision: Segment) -> Response:
    """Show the message of a commit and the files that it changed. Raises UnknownRevision."""
    shown, database = hub.registry.tip(artifact.name, revision, with_files=False), hub.registry.database
    before = _parent(hub, artifact, shown)
    changed = changed_files(database, shown, before)
    listed = changed[:MAX_CHANGES]
    present = find_files(database, shown.id, listed)
    former = find_files(database, before.id, listed) if before else {}
    changes = [(_change(path, former, present), path, former.get(path), present.get(path)) for path in listed]
    context = {"artifact": artifact, "shown": shown, "before": before, "changes": changes, "commit_id": commit_id}
    return render("commit.html", {**context, "left_out": len(changed) - len(changes)}, request=request)


def _change(path: str, former: Mapping[str, File], present: Mapping[str, File]) -> str:
    return "removed" if path not in present else "changed" if path in former else "added"


def _parent(hub: LocalHub, artifact: Artifact, revision: Revision) -> Revision | None:
    try:
        return hub.registry.revision(artifact.name, revision.parent, with_files=False) if revision.parent else None
    except UnknownRevision:
        return None
