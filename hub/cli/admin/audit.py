"""`hub admin audit`: who changed what."""

from __future__ import annotations

import json
from typing import Annotated

from typer import Option

from hub.cli.admin.opening import Endpoint, administration, lines


def audit(
    subject: Annotated[str, Option(help="Only of this artifact or account.", show_default=False)] = "",
    limit: Annotated[int, Option(min=1, help="How many lines.")] = 50,
    endpoint: Endpoint = "",
) -> None:
    """The newest changes first: time, who, with which token, what, on what, details."""
    from hub.administration.audit import ListAudit

    with administration(endpoint) as admin:
        entries = admin.run(ListAudit(subject=subject, limit=limit))
    lines(
        [
            (each.at, each.actor, each.token, each.action, each.subject, json.dumps(each.detail, ensure_ascii=False))
            for each in entries
        ]
    )
