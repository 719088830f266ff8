"""…/reports: report an artifact, and read the caller's own reports with their answers."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import Response

from hub.registry.moderation.reports import MAX_TEXT, Report, add_report, find_reports
from server.auth.access import Hub
from server.auth.caller import account_of, actor_of, caller_of, require_acting, require_listing
from server.http.response_bodies import Body, json_response
from server.openapi.parameters import ApiArtifact


class ReportsBody(Body):
    """Reports, newest first."""

    items: list[Report]


class NewReport(BaseModel):
    """A problem of an artifact."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"reason": "licence", "text": "the images are not free"}]}
    )

    reason: Literal["malware", "licence", "scores", "abuse", "other"]
    text: Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT)] = Field(
        description="Description of what is wrong, and where, as plain text."
    )


def post_report(request: Request, hub: Hub, artifact: ApiArtifact, body: NewReport) -> Response:
    """Report an artifact to the administrators. An open report with the same reason is replaced.

    Raises Unauthenticated, Forbidden, InvalidRequest, RateLimited.
    """
    caller = caller_of(request, hub)
    account = require_acting(caller, artifact.name, "report")
    actor = actor_of(request, caller)
    return json_response(add_report(hub.registry.database, artifact, account, body.reason, body.text, actor), 201)


def get_own_reports(
    request: Request,
    hub: Hub,
    before: Annotated[int, Query(ge=0, lt=1 << 62, description="Only reports with smaller ids; 0 for all.")] = 0,
    limit: Annotated[int, Query(ge=1, le=100, description="Maximum number of reports.")] = 50,
) -> Response:
    """List the reports that the caller has sent, with their answers.

    Raises Unauthenticated, Forbidden.
    """
    caller = caller_of(request, hub)
    account = account_of(caller)
    require_listing(caller, account.name)
    return json_response({"items": find_reports(hub.registry.database, account=account, before=before, limit=limit)})
