"""What the Hugging Face Hub has and this server has not: 501 with the code that says so, never a 404."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from hub.errors import NotServed

GROUPS = (
    "spaces", "kernels", "jobs", "scheduled-jobs", "endpoints", "papers", "daily_papers", "collections", "buckets", "notifications",
    "settings", "posts", "blog", "inference-proxy",
)  # fmt: skip
"""Below `/api/`."""
ELSEWHERE = (
    "/papers/{rest:path}", "/uploads", "/spaces/{rest:path}", "/kernels/{rest:path}", "/buckets/{rest:path}",
    "/collections/{rest:path}", "/api/datasets/{owner}/{name}/leaderboard", "/api/{collection}/{owner}/{name}/xet-read-token/{revision}",
)  # fmt: skip
"""Addresses of such groups that lie elsewhere."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def refuse_group(request: Request) -> Response:
    """Spaces, jobs, papers and so on."""
    group = request.url.path.split("/")[2]
    raise NotServed(f"{group.replace('_', ' ')} are not served here: models and data sets are.")


def refuse_address(request: Request) -> Response:
    """What belongs to one of the groups, and lies elsewhere."""
    parts = request.url.path.strip("/").split("/")
    what = next((each for each in parts if each in {*GROUPS, "leaderboard", "xet-read-token", "uploads"}), parts[0])
    raise NotServed(f"{what} are not served here: models and data sets are.")


def refuse_discussions() -> Response:
    """Discussions and pull requests."""
    raise NotServed("discussions and pull requests are not served here: commit to a branch instead.")


def refuse_pull_requests(request: Request) -> None:
    """Raises NotServed when the client asks for a pull request."""
    if request.query_params.get("create_pr", "").lower() in {"1", "true"}:
        refuse_discussions()
