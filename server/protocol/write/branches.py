"""Create, list and delete branches and tags, list commits, and squash branches."""

from __future__ import annotations

import html
from typing import Any

from fastapi import Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from hub.publish.commit import squash
from hub.publish.publish import drain_outbox
from hub.records import Revision
from hub.registry.artifacts.branches import create_ref, delete_ref
from hub.registry.artifacts.history import ancestors
from server.auth.access import Hub, VisibleRepository, WritableArtifact, WritableRepository
from server.auth.caller import actor_of, caller_of
from server.http.paging import next_link, offset_of
from server.http.times import rfc3339_or_epoch
from server.http.urls import Segment, commit_id

PAGE = 50
"""Commits per page."""


class NewBranch(BaseModel):
    """Body of a request that creates a branch."""

    startingPoint: str | None = None
    emptyBranch: bool = False


class NewTag(BaseModel):
    """Body of a request that creates a tag."""

    tag: str
    message: str | None = None


class Squash(BaseModel):
    """Body of a request that squashes a branch."""

    message: str | None = None


def list_refs(hub: Hub, repository: VisibleRepository) -> Response:
    """List branches and tags with their commits."""
    refs = hub.registry.refs(repository.name)

    def of_kind(kind: str, folder: str) -> list[dict[str, str]]:
        return [
            {"name": each.name, "ref": f"refs/{folder}/{each.name}", "targetCommit": commit_id(each.revision)}
            for each in refs
            if each.kind == kind
        ]

    branches = sorted(of_kind("branch", "heads"), key=lambda each: each["name"] != "main")
    return JSONResponse({"branches": branches, "tags": of_kind("tag", "tags"), "converts": [], "pullRequests": []})


def create_branch(
    request: Request, hub: Hub, repository: WritableRepository, branch: Segment, body: NewBranch | None = None
) -> Response:
    """Create a branch at the head of `main` or at another starting point."""
    start = hub.registry.revision(repository.name, (body.startingPoint if body else None) or "main")
    create_ref(hub.registry.database, repository.name, branch, start.id, actor_of(request, caller_of(request, hub)))
    return _done(hub)


def delete_branch(request: Request, hub: Hub, repository: WritableRepository, branch: Segment) -> Response:
    """Delete a branch, but not its revisions."""
    delete_ref(hub.registry.database, repository.name, branch, actor_of(request, caller_of(request, hub)))
    return _done(hub)


def create_tag(request: Request, hub: Hub, repository: WritableRepository, revision: Segment, body: NewTag) -> Response:
    """Create a tag at a revision."""
    found = hub.registry.revision(repository.name, revision)
    actor = actor_of(request, caller_of(request, hub))
    message = (body.message or "")[:10_000]
    create_ref(hub.registry.database, repository.name, body.tag, found.id, actor, kind="tag", message=message)
    return _done(hub)


def delete_tag(request: Request, hub: Hub, repository: WritableRepository, revision: Segment) -> Response:
    """Delete a tag."""
    actor = actor_of(request, caller_of(request, hub))
    delete_ref(hub.registry.database, repository.name, revision, actor, kind="tag")
    return _done(hub)


def squash_branch(
    request: Request, hub: Hub, artifact: WritableArtifact, branch: Segment, body: Squash | None = None
) -> Response:
    """Squash a branch into one commit."""
    message = (body.message if body else None) or f"Super-squash branch '{branch}' using huggingface_hub"
    actor = actor_of(request, caller_of(request, hub))
    squash(artifact, hub.registry, hub.store, actor, message=message, branch=branch)
    return Response(status_code=200)


def list_commits(request: Request, hub: Hub, repository: VisibleRepository, revision: Segment) -> Response:
    """List the commits of a revision and its ancestors, newest first, including yanked ones."""
    start = hub.registry.tip(repository.name, revision)
    history = ancestors(hub.registry.revisions(start.artifact, with_files=False), start)
    begin = offset_of(request)
    end = begin + PAGE
    headers = {"X-Total-Count": str(len(history))}
    if end < len(history):
        headers |= next_link(request, end)
    formatted = "formatted" in request.query_params.getlist("expand[]") + request.query_params.getlist("expand")
    return JSONResponse([_commit(each, formatted=formatted) for each in history[begin:end]], headers=headers)


def _commit(revision: Revision, *, formatted: bool) -> dict[str, Any]:
    title, _, message = revision.message.partition("\n")
    body: dict[str, Any] = {
        "id": commit_id(revision.id),
        "title": title,
        "message": message.strip(),
        "authors": [{"user": revision.author}] if revision.author else [],
        "date": rfc3339_or_epoch(revision.created_at),
    }
    in_html = {"title": html.escape(title), "message": html.escape(message.strip())}
    return body | ({"formatted": in_html} if formatted else {})


def _done(hub: Hub) -> Response:
    drain_outbox(hub.registry, hub.store)
    return JSONResponse({})
