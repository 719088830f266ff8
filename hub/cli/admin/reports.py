"""`hub admin report`: reports about artifacts."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

from hub.administration.moderation import AnswerReport, ListReports
from hub.cli.admin.options import Endpoint, group, lines, run
from hub.registry.moderation.reports import STATES

reports = group("Read and answer reports about artifacts.")


@reports.command("list")
def list_reports(
    state: Annotated[str, Option(help=f"Only {', '.join(STATES)}; empty for all.")] = "open",
    limit: Annotated[int, Option(min=1, help="Maximum number of reports.")] = 100,
    endpoint: Endpoint = "",
) -> None:
    """List reports, newest first: number, state, artifact, reason, account, text."""
    lines(
        (each.id, each.state, each.artifact, each.reason, each.reporter, " ".join(each.text.split()))
        for each in run(endpoint, ListReports(state=state, limit=limit))
    )


@reports.command("answer")
def answer(
    number: Annotated[int, Argument(help="Number of the report, from `hub admin report list`.")],
    text: Annotated[str, Argument(help="Answer, shown to the reporter.")] = "",
    state: Annotated[str, Option(help=f"{', '.join(STATES)}.")] = "resolved",
    endpoint: Endpoint = "",
) -> None:
    """Close a report with an answer, or open it again."""
    found = run(endpoint, AnswerReport(number=number, state=state, answer=text))
    print(f"report {found.id} about {found.artifact} is {found.state}")
