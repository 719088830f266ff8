"""Refuse requests for features of the Hugging Face Hub that this server does not have: always 501, never 404."""

from __future__ import annotations

from fastapi import Request
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.responses import JSONResponse, Response

from hub.errors import NotServed

GROUPS = (
    "spaces", "kernels", "jobs", "scheduled-jobs", "endpoints", "papers", "daily_papers", "collections", "buckets", "notifications",
    "settings", "posts", "blog", "inference-proxy",
)  # fmt: skip
"""First segments of unsupported paths below `/api/`."""


class Unserved(StringConvertor):
    """`{group:unserved}`: one of GROUPS."""

    regex = "|".join(GROUPS)


register_url_convertor("unserved", Unserved())


def refuse_group(request: Request) -> Response:
    """Refuse requests for spaces, jobs, papers and so on. Raises NotServed."""
    group = request.url.path.split("/")[2]
    raise NotServed(f"{group.replace('_', ' ')} are not supported: this server only has models and datasets.")


def refuse_address(request: Request) -> Response:
    """Refuse requests to other paths of these features. Raises NotServed."""
    parts = request.url.path.strip("/").split("/")
    what = next((each for each in parts if each in {*GROUPS, "leaderboard", "xet-read-token", "uploads"}), parts[0])
    raise NotServed(f"{what} are not supported: this server only has models and datasets.")


def refuse_discussions() -> Response:
    """Refuse discussions and pull requests. Raises NotServed."""
    raise NotServed("discussions and pull requests are not supported: commit to a branch instead.")


def list_harnesses() -> Response:
    """Return an empty list of agent harnesses. Every process of the client requests it and caches the response for a day."""
    return JSONResponse({"standardEnvVars": [], "harnesses": {}})


def refuse_pull_requests(request: Request) -> None:
    """Raise NotServed if the client wants to create a pull request."""
    if request.query_params.get("create_pr", "").lower() in {"1", "true"}:
        refuse_discussions()
