"""What the Hugging Face Hub has and this server has not: 501 with the code that says so, never a 404."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.responses import JSONResponse, Response

from hub.errors import NotServed

GROUPS = (
    "spaces", "kernels", "jobs", "scheduled-jobs", "endpoints", "papers", "daily_papers", "collections", "buckets", "notifications",
    "settings", "posts", "blog", "inference-proxy",
)  # fmt: skip
"""Below `/api/`."""
_NO_HARNESSES: dict[str, Any] = {"standardEnvVars": [], "harnesses": {}}
"""Every process of the client asks once; this answer keeps it quiet for a day."""


class Unserved(StringConvertor):
    """`{group:unserved}`: one of GROUPS."""

    regex = "|".join(GROUPS)


register_url_convertor("unserved", Unserved())


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


def list_harnesses() -> Response:
    """No program that runs agents is known here."""
    return JSONResponse(_NO_HARNESSES)


def refuse_pull_requests(request: Request) -> None:
    """Raises NotServed when the client asks for a pull request."""
    if request.query_params.get("create_pr", "").lower() in {"1", "true"}:
        refuse_discussions()
