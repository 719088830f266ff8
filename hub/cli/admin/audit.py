"""`hub admin audit`: the audit log."""

from __future__ import annotations

import json
from typing import Annotated

from typer import Option

from hub.administration.audit import ListAudit
from hub.cli.admin.options import Endpoint, lines, run


def audit(
    subject: Annotated[str, Option(help="Only changes to this artifact or account.", show_default=False)] = "",
    by: Annotated[str, Option(help="Only changes by this account.", show_default=False)] = "",
    action: Annotated[str, Option(help="Only this action; `token` includes `token.create`.", show_default=False)] = "",
    limit: Annotated[int, Option(min=1, help="Maximum number of entries.")] = 50,
    endpoint: Endpoint = "",
) -> None:
    """Show the audit log, newest first: time, account, token, action, subject, details."""
    lines(
        (each.at, each.actor, each.token, each.action, each.subject, json.dumps(each.detail, ensure_ascii=False))
        for each in run(endpoint, ListAudit(subject=subject, by=by, action=action, limit=limit))
    )
