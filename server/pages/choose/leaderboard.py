"""/leaderboard: the rankings of a metric on a benchmark."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from hub.advice.fronts import fronts
from hub.errors import InvalidRequest, UnknownLanguage
from hub.languages import parse_language
from hub.records import Provenance
from hub.registry.scores.by_metric import measured_with
from hub.registry.scores.leaderboard import LeaderboardQuery, leaderboards
from server.auth.access import Hub
from server.auth.caller import caller_of
from server.pages.choose.front_chart import front_chart
from server.pages.rendering import render

LIMIT = 25
"""Entries of each ranking."""
_FIELDS = ("benchmark", "metric", "provenance", "language", "base", "method", "split", "digest")
_LONGEST = 200


def show_leaderboard(request: Request, hub: Hub) -> Response:
    """Show the rankings, or a choice of benchmarks and metrics. An invalid filter is reported beside the form."""
    readers = caller_of(request, hub).readers()
    # Rankings of all splits are on one page.
    choices = list(dict.fromkeys(each[:3] for each in measured_with(hub.registry.database, readers)))
    typed = {name: request.query_params.get(name, "").strip()[:_LONGEST] for name in _FIELDS}
    if not typed["metric"] and choices:
        typed["benchmark"], typed["metric"], typed["provenance"] = choices[0]
    if not typed["provenance"]:  # The strongest one that the scores have.
        known = (each for each in Provenance if (typed["benchmark"], typed["metric"], each) in choices)
        typed["provenance"] = next(known, Provenance.REPRODUCED)
    boards, problem = [], ""
    try:
        boards = leaderboards(hub.registry.database, _contest(hub, typed, readers), LIMIT) if typed["metric"] else []
    except (InvalidRequest, UnknownLanguage) as error:
        problem = str(error)
    context = {
        "typed": typed,
        "choices": choices,
        "boards": list(zip(boards, map(front_chart, fronts(hub.registry, hub.store, boards)), strict=True)),
        "languages": [
            *dict.fromkeys(each.score.language for board in boards for each in board.entries if each.score.language)
        ],
        "problem": problem,
        "provenances": list(Provenance),
    }
    return render("choose/leaderboard.html", context, request=request, status=400 if problem else 200)


def _contest(hub: Hub, typed: dict[str, str], readers: tuple[str, ...] | None) -> LeaderboardQuery:
    provenance = typed["provenance"]
    if provenance not in list(Provenance):
        raise InvalidRequest(f"unknown provenance `{provenance}`: choose one of {', '.join(Provenance)}.")
    asked = {
        **typed,
        "provenance": provenance,
        "language": parse_language(typed["language"]) if typed["language"] else "",
        "base": hub.registry.short_base_name(typed["base"]),
        "digest": typed["digest"].lower(),
    }
    return LeaderboardQuery(**asked, readers=readers)
