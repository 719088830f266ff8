"""/administration/reports: read and answer the reports about artifacts."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import Response

from hub.errors import InvalidRequest
from hub.registry.moderation.hidden_artifacts import find_hidden
from hub.registry.moderation.reports import OPEN, REASONS, STATES, answer_report, find_reports, get_report
from server.auth.access import Hub
from server.auth.csrf_forms import actor_in
from server.http.urls import Segment
from server.pages.account.settings_frame import number_in, typed
from server.pages.administration.administration_frame import (
    REPORTS,
    AdministratorForm,
    AdministratorSession,
    administration_page,
    done,
)

PAGE = 50
"""Reports on one page."""


def show_reports(request: Request, hub: Hub, session: AdministratorSession) -> Response:  # noqa: ARG001 - the dependency checks it
    """List the reports with a state, newest first. Raises InvalidRequest."""
    state, before = request.query_params.get("state", OPEN), request.query_params.get("before", "")
    last = number_in(before, "report") if before else 0
    found = find_reports(hub.registry.database, state=state, before=last, limit=PAGE + 1)
    end = urlencode({"state": state, "before": found[PAGE - 1].id}) if len(found) > PAGE else ""
    context = {
        "reports": found[:PAGE],
        "state": state,
        "states": STATES,
        "reasons": REASONS,
        "next": f"{REPORTS}?{end}" if end else "",
    }
    return administration_page("reports.html", REPORTS, request, hub, context)


def show_report(request: Request, hub: Hub, session: AdministratorSession, number: Segment) -> Response:  # noqa: ARG001 - the dependency checks it
    """Show one report with the forms to answer it, and to block what it is about. Raises UnknownReport."""
    report = get_report(hub.registry.database, number_in(number, "report"))
    return _show(request, hub, report.id, {"state": report.state, "answer": report.answer})


def answer(request: Request, hub: Hub, form: AdministratorForm, number: Segment) -> Response:
    """Save the answer. Raises UnknownReport."""
    report = get_report(hub.registry.database, number_in(number, "report"))
    try:
        answer_report(hub.registry.database, report.id, form.get("state"), form.get("answer"), actor_in(request, form))
    except InvalidRequest as error:
        return _show(request, hub, report.id, typed(form, "state", "answer"), problem=error)
    return done(f"{REPORTS}/{report.id}", "answered")


def _show(
    request: Request, hub: Hub, number: int, typed_answer: dict[str, str], problem: InvalidRequest | None = None
) -> Response:
    database = hub.registry.database
    report = get_report(database, number)
    context = {
        "report": report,
        "reasons": REASONS,
        "states": STATES,
        "typed": typed_answer,
        "hidden": find_hidden(database, hub.registry.repository(report.artifact).name),
    }
    return administration_page("report.html", REPORTS, request, hub, context, problem=problem)
