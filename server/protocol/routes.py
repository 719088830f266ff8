"""The addresses of the Hub protocol that write, and those that belong to accounts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from starlette.responses import JSONResponse, Response

from server.protocol import (
    branches,
    commits,
    gates,
    lfs,
    lfs_transfer,
    likes,
    paths,
    preupload,
    repositories,
    unsupported,
    validation,
    whoami,
    xet,
)

_NO_HARNESSES: dict[str, Any] = {"standardEnvVars": [], "harnesses": {}}
"""Every process of the client asks once; this answer keeps it quiet for a day."""


def add_writing(app: FastAPI, repository: str) -> None:
    """Routes of one spelling of repositories' names, `{owner}/{name}`, for models and data sets."""
    for collection in ("models", "datasets"):
        at = f"/api/{collection}/{repository}"
        _add(app, "PUT", f"{at}/settings", repositories.set_repository)
        _add(app, "POST", f"{at}/preupload/{{revision}}", preupload.plan_upload)
        _add(app, "POST", f"{at}/commit/{{revision}}", commits.make_commit)
        _add(app, "POST", f"{at}/paths-info/{{revision}}", paths.describe_paths)
        _add(app, "GET", f"{at}/xet-write-token/{{revision}}", xet.grant_writing)
        _add(app, "GET", f"{at}/auth-check", whoami.check_reading)
        _add(app, "GET", f"{at}/auth-check/write", whoami.check_writing)
        _add(app, "GET", f"{at}/refs", branches.list_refs)
        _add(app, "GET", f"{at}/commits/{{revision}}", branches.list_commits)
        _add(app, "POST", f"{at}/branch/{{branch}}", branches.create_branch)
        _add(app, "DELETE", f"{at}/branch/{{branch}}", branches.delete_branch)
        _add(app, "POST", f"{at}/tag/{{revision}}", branches.create_tag)
        _add(app, "DELETE", f"{at}/tag/{{revision}}", branches.delete_tag)
        _add(app, "POST", f"{at}/super-squash/{{branch}}", branches.squash_branch)
        _add(app, "POST", f"{at}/like", likes.add_like)
        _add(app, "DELETE", f"{at}/like", likes.remove_like)
        _add(app, "GET", f"{at}/likers", likes.list_likers)
        _add(app, "GET", f"{at}/user-access-request/{{status}}", gates.list_requests)
        _add(app, "POST", f"{at}/user-access-request/handle", gates.answer_request)
        _add(app, "POST", f"{at}/user-access-request/grant", gates.grant_access)
        for tail in ("discussions", "discussions/{rest:path}"):
            _add(app, unsupported.METHODS, f"{at}/{tail}", unsupported.refuse_discussions)
    for prefix in ("/datasets", ""):
        _add(app, "POST", f"{prefix}/{repository}.git/info/lfs/objects/batch", lfs.plan_transfers)
        _add(app, "POST", f"{prefix}/{repository}/ask-access", gates.ask_for_access)


def add_accounts(app: FastAPI) -> None:
    """Routes that are no repository's."""
    _add(app, "GET", "/api/whoami-v2", whoami.who_am_i)
    _add(app, "GET", "/api/users/{name}/overview", whoami.show_user)
    _add(app, "GET", "/api/users/{name}/likes", likes.list_liked)
    _add(app, "GET", "/api/organizations/{name}/overview", whoami.show_organisation)
    _add(app, "GET", "/api/organizations/{name}/members", whoami.list_members)
    _add(app, "POST", "/api/repos/create", repositories.create_repository)
    _add(app, "DELETE", "/api/repos/delete", repositories.remove_repository)
    _add(app, "POST", "/api/repos/move", repositories.rename_repository)
    _add(app, "POST", "/api/validate-yaml", validation.validate_card)
    _add(app, "GET", "/api/agent-harnesses", _no_harnesses)
    _add(app, "POST", "/v1/telemetry", xet.ignore_report)
    _add(app, "HEAD", "/api/telemetry/{topic:path}", xet.ignore_report)
    for path in unsupported.ELSEWHERE:
        _add(app, unsupported.METHODS, path, unsupported.refuse_address)
    for group in unsupported.GROUPS:
        for tail in ("", "/{rest:path}"):
            _add(app, unsupported.METHODS, f"/api/{group}{tail}", unsupported.refuse_group)


def add_transfers(app: FastAPI) -> None:
    """Routes for bytes."""
    _add(app, "PUT", "/lfs/objects/{word}", lfs_transfer.receive_object)
    _add(app, ("GET", "HEAD"), "/lfs/objects/{word}", lfs_transfer.send_object)
    _add(app, "PUT", "/lfs/parts/{word}", lfs_transfer.receive_part)
    _add(app, "POST", "/lfs/complete/{word}", lfs_transfer.complete_object)
    _add(app, "POST", "/lfs/verify/{word}", lfs_transfer.verify_object)
    _add(app, "GET", "/cas/{epoch}/{tenant}/v1/chunks/{prefix}/{hash}", xet.know_no_chunk)
    for prefix in ("default", "default-merkledb"):
        _add(app, "POST", f"/cas/{{epoch}}/{{tenant}}/v1/xorbs/{prefix}/{{hash}}", xet.receive_xorb)
    _add(app, "POST", "/cas/{epoch}/{tenant}/v1/shards", xet.receive_shard)


def _no_harnesses() -> Response:
    return JSONResponse(_NO_HARNESSES)


def _add(app: FastAPI, methods: str | tuple[str, ...], path: str, endpoint: Callable[..., Any]) -> None:
    listed = [methods] if isinstance(methods, str) else list(methods)
    app.add_api_route(path, endpoint, methods=listed, include_in_schema=False)
