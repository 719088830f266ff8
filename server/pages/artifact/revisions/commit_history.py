"""GET …/commits/{revision} and …/commit/{revision}: the history and one commit, which clients link to."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request
from starlette.responses import Response

from hub.errors import UnknownRevision
from hub.local import LocalHub
from hub.records import Artifact, File, Revision
from hub.registry.artifacts.files import find_files
from hub.registry.artifacts.history import changed_files
from server.auth.access import DescribedArtifact, Hub
from server.http.urls import Segment, commit_id, view_path
from server.pages.access_request import gate_of
from server.pages.artifact.frame import HISTORY, render_tab
from server.pages.artifact.revisions.text_diff import text_diffs
from server.site.translation import gettext_noop

PAGE = 50
"""Commits per page."""
MAX_CHANGES = 300
"""Changed files on the page of a commit."""
MAX_NAMES = 500
"""Branches, tags and aliases that are shown beside commits."""


def show_commits(request: Request, hub: Hub, artifact: DescribedArtifact, revision: Segment) -> Response:
    """Show a revision and its ancestors, newest first, including yanked ones. Raises UnknownRevision."""
    start = hub.registry.tip(artifact.name, revision, with_files=False)
    listed = hub.registry.line(start, PAGE + 1)
    names: dict[str, list[str]] = {}
    for ref in hub.registry.refs(artifact.name)[:MAX_NAMES]:
        names.setdefault(ref.revision, []).append(ref.name)
    context = {
        "commits": listed[:PAGE],
        "names": names,
        "revision": revision,
        "is_continued": hub.registry.head(artifact.name) != start.id,
        "older": view_path(artifact, "commits", commit_id(listed[PAGE].id)) if len(listed) > PAGE else "",
    }
    return render_tab("artifact/commits.html", HISTORY, request, hub, artifact, start, context)


def show_commit(request: Request, hub: Hub, artifact: DescribedArtifact, revision: Segment) -> Response:
    """Show the message of a commit, the files that it changed, and the lines of short texts. Raises UnknownRevision."""
    shown, database = hub.registry.tip(artifact.name, revision, with_files=False), hub.registry.database
    before = _parent(hub, artifact, shown)
    changed = changed_files(database, shown, before)
    listed = changed[:MAX_CHANGES]
    present = find_files(database, shown.id, listed)
    former = find_files(database, before.id, listed) if before else {}
    is_open = not gate_of(request, hub, artifact)["gate"]
    files = ((path, former.get(path), present.get(path)) for path in listed)
    title, _, body = shown.message.partition("\n")
    context = {
        "title": title,
        "body": body.strip(),
        "before": before,
        "changes": [(_change(path, former, present), path, former.get(path), present.get(path)) for path in listed],
        "diffs": list(text_diffs(hub.store, files)) if is_open and before else [],
        "left_out": len(changed) - len(listed),
    }
    return render_tab("artifact/commit.html", HISTORY, request, hub, artifact, shown, context)


def _change(path: str, former: Mapping[str, File], present: Mapping[str, File]) -> str:
    removed, changed, added = gettext_noop("removed"), gettext_noop("changed"), gettext_noop("added")
    return removed if path not in present else changed if path in former else added


def _parent(hub: LocalHub, artifact: Artifact, revision: Revision) -> Revision | None:
    try:
        return hub.registry.revision(artifact.name, revision.parent, with_files=False) if revision.parent else None
    except UnknownRevision:
        return None
