"""/administration/jobs: background jobs that wait or have failed, and a button to retry them."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from hub.administration.outbox import RetryJobs
from hub.registry.outbox.queue import backlog, jobs
from server.auth.access import Hub
from server.auth.csrf_forms import actor_in
from server.pages.administration.administration_frame import (
    JOBS,
    AdministratorForm,
    AdministratorSession,
    administration_page,
    done,
)

_MAX_SHOWN = 100


def show_jobs(request: Request, hub: Hub, session: AdministratorSession) -> Response:  # noqa: ARG001 - the dependency checks it
    """List the tasks with their jobs, those that failed first."""
    database = hub.registry.database
    context = {"backlog": backlog(database), "jobs": jobs(database, _MAX_SHOWN, given_up_first=True)}
    return administration_page("jobs.html", JOBS, request, hub, context)


def retry_jobs(request: Request, hub: Hub, form: AdministratorForm) -> Response:
    """Make the jobs of one task, or all, due now. Raises InvalidRequest."""
    RetryJobs(task=form.get("task")).run(hub, actor_in(request, form))
    return done(JOBS, "retried")
