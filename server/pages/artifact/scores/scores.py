"""GET /{owner}/{name}/scores: charts by language, and a table that a form filters."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import Response

from hub.errors import InvalidRequest
from hub.registry.index.ranking import metric_place
from hub.registry.scores.scores import published_scores
from server.auth.access import Hub
from server.http.search_parameters import read_number
from server.pages import formatting
from server.pages.artifact.frame import SCORES, find_shown, render_tab, scores_path, shown_revision
from server.pages.artifact.scores.score_chart import charts
from server.pages.artifact.scores.score_rows import ScoreFilter, ScoreRow, choices, score_rows

PAGE = 20
"""Rows of the table per page."""


def show_scores(request: Request, hub: Hub) -> Response:
    """Show the scores of an artifact with their provenance. Raises InvalidRequest for a page that does not exist."""
    artifact = find_shown(request, hub)
    if isinstance(artifact, Response):
        return artifact
    rows = score_rows(artifact, published_scores(hub.registry.database, artifact.name))
    given = {name: request.query_params.get(name, "") for name in ("task", "metric", "language")}
    wanted = ScoreFilter(**given)
    matching = [row for row in rows if wanted.accepts(row)]
    pages = max(1, -(-len(matching) // PAGE))
    page = read_number("page", request.query_params.get("page", "1"), 1, 10**6)
    if page > pages:
        raise InvalidRequest(f"there are only {pages} pages of scores.")
    metrics = sorted({row.score.metric for row in rows}, key=lambda metric: (metric_place(metric), metric))
    tags = dict.fromkeys(row.score.language for row in rows if row.score.language)

    def address(number: int) -> str:
        # Only parameters with known values, so that the page does not repeat what others have put into a link.
        chosen = {name: value for name, value in given.items() if value and matching}
        return f"{scores_path(artifact)}?{urlencode(chosen | {'page': number})}#table"

    context = {
        "charts": charts(hub, artifact, rows),
        "groups": _by_task(matching[(page - 1) * PAGE : page * PAGE]),
        "total": len(matching),
        "has_one_task": len({row.task for row in rows}) == 1,
        "is_filtered": any(given.values()),
        "tasks": choices([*dict.fromkeys(row.task for row in rows)], wanted.task),
        "metrics": choices({metric: formatting.metric(metric) for metric in metrics}, wanted.metric),
        "languages": choices({tag: formatting.language(tag).name for tag in tags}, wanted.language),
        "scores_path": scores_path(artifact),
        "page": page,
        "pages": pages,
        "previous": address(page - 1) if page > 1 else "",
        "next": address(page + 1) if page < pages else "",
    }
    shown = shown_revision(hub, artifact, "main")
    return render_tab("artifact/scores.html", SCORES, request, hub, artifact, shown, context)


def _by_task(rows: Sequence[ScoreRow]) -> list[tuple[str, list[ScoreRow]]]:
    return [(task, list(group)) for task, group in groupby(rows, key=lambda row: row.task)]
