"""GET …/commits/{revision} and …/commit/{revision}: the history and one commit, which clients link to."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from hub.errors import InvalidRequest, UnknownRevision
from hub.local import LocalHub
from hub.records import Artifact, Revision
from hub.registry.artifacts.history import ancestors
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
    start = hub.registry.tip(artifact.name, revision)
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
    shown = hub.registry.tip(artifact.name, revision)
    before = _parent(hub, artifact, shown)
    former = {file.path: file for file in before.files} if before else {}
    present = {file.path: file for file in shown.files}
    changed = [path for path in sorted({*former, *present}) if former.get(path) != present.get(path)]
    changes = [
        ("removed" if path not in present else "changed" if path in former else "added", path, former.get(path), present.get(path))
        for path in changed[:MAX_CHANGES]
    ]  # fmt: skip
    context = {"artifact": artifact, "shown": shown, "before": before, "changes": changes, "commit_id": commit_id}
    return render("commit.html", {**context, "left_out": len(changed) - len(changes)}, request=request)


def _parent(hub: LocalHub, artifact: Artifact, revision: Revision) -> Revision | None:
    try:
        return hub.registry.revision(artifact.name, revision.parent) if revision.parent else None
    except UnknownRevision:
        return None
