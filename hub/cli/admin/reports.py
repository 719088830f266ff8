"""`hub admin report`: reports about artifacts."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

from hub.administration.moderation import AnswerReport, ListReports
from hub.cli.admin.options import Endpoint, group, lines, run
from hub.registry.moderation.reports import STATUSES

reports = group("Read and answer reports about artifacts.")


@reports.command("list")
def list_reports(
    status: Annotated[str, Option(help=f"Only {', '.join(STATUSES)}; empty for all.")] = "open",
    limit: Annotated[int, Option(min=1, help="Maximum number of reports.")] = 100,
    endpoint: Endpoint = "",
) -> None:
    """List reports, newest first: number, status, artifact, reason, account, text."""
    lines(
        (each.id, each.status, each.artifact, each.reason, each.reporter, " ".join(each.text.split()))
        for each in run(endpoint, ListReports(status=status, limit=limit))
    )


@reports.command("answer")
def answer(
    number: Annotated[int, Argument(help="Number of the report, from `hub admin report list`.")],
    text: Annotated[str, Argument(help="Answer, which the reporter reads.")] = "",
    status: Annotated[str, Option(help=f"{', '.join(STATUSES)}.")] = "resolved",
    endpoint: Endpoint = "",
) -> None:
    """Close a report with an answer, or open it again."""
    found = run(endpoint, AnswerReport(number=number, status=status, answer=text))
    print(f"report {found.id} about {found.artifact} is {found.status}")
