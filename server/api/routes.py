"""The addresses of our own API: read this file as its table of contents."""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI

from hub.registry.aliases import Alias
from server.api import (
    advice,
    artifacts,
    audit,
    compatible,
    document,
    health,
    languages,
    leaderboard,
    metrics,
    revisions,
    scores,
    search,
)
from server.api.document import query_parameter, route
from server.metering import MEDIA_TYPE
from server.query import PARAMETERS
from server.wire import SearchBody, promised

CURSOR = query_parameter(
    "cursor", "Of the page before, with its parameters otherwise unchanged.", {"type": "string", "maxLength": 1000}
)
_ONE = "/artifacts/{owner}/{name}"


def add_api(app: FastAPI) -> None:
    """Everything below /api/v1 that is about artifacts, and about the server itself."""
    document.install(app)
    route(
        app,
        "GET",
        "/search",
        search.search_artifacts,
        SearchBody,
        tag="search",
        errors=(404,),
        parameters=[*PARAMETERS, CURSOR],
    )
    route(app, "GET", "/languages", languages.get_languages, languages.LanguagesBody, tag="search")
    route(app, "GET", "/bases", languages.get_bases, languages.BasesBody, tag="search")
    _add_artifacts(app)
    _add_scores(app)
    _add_operation(app)


def _add_artifacts(app: FastAPI) -> None:
    of = partial(route, app, tag="artifacts", errors=(404,), moves=True)
    at = f"{_ONE}/revisions/{{revision}}"
    of("GET", _ONE, artifacts.get_artifact, artifacts.WholeArtifactBody)
    of("GET", "/artifacts/{name}", artifacts.find_artifact, None, status=307)
    of("GET", f"{_ONE}/downloads", artifacts.get_downloads, artifacts.DownloadsBody)
    of("GET", f"{_ONE}/revisions", revisions.get_revisions, revisions.RevisionsBody)
    of("GET", at, revisions.get_revision, artifacts.ShownRevisionBody)
    of("GET", f"{at}/tensors", artifacts.get_tensors, artifacts.TensorsBody)
    of("GET", f"{at}/manifest", revisions.get_manifest, revisions.ManifestBody)
    of("POST", f"{at}/yank", revisions.yank_revision, artifacts.ShownRevisionBody, login=True)
    of("DELETE", f"{at}/yank", revisions.unyank_revision, artifacts.ShownRevisionBody, login=True)
    of("GET", f"{_ONE}/diff", revisions.get_difference, revisions.DiffBody)
    of("GET", f"{_ONE}/aliases", revisions.get_aliases, revisions.AliasesBody)
    of("PUT", f"{_ONE}/aliases/{{alias}}", revisions.put_alias, promised(Alias), login=True)
    of("DELETE", f"{_ONE}/aliases/{{alias}}", revisions.remove_alias, revisions.AliasesBody, login=True)


def _add_scores(app: FastAPI) -> None:
    of = partial(route, app, tag="scores", errors=(404,), moves=True)
    of("GET", f"{_ONE}/scores", scores.get_scores, scores.ScoresBody)
    of("POST", f"{_ONE}/scores", scores.post_score, promised(scores.StatementBody), login=True, status=201)
    route(
        app, "POST", f"{_ONE}/scores/{{score}}/disputes", scores.post_dispute, promised(scores.StatementBody), login=True, status=201,
        tag="scores", errors=(404, 409), moves=True,
    )  # fmt: skip
    route(app, "GET", "/leaderboard", leaderboard.get_leaderboard, leaderboard.LeaderboardBody, tag="scores")
    route(
        app,
        "GET",
        "/compare",
        leaderboard.compare_artifacts,
        leaderboard.CompareBody,
        tag="choose",
        errors=(404,),
        moves=True,
    )
    route(app, "GET", "/advice", advice.get_advice, advice.AdviceBody, tag="choose")
    route(
        app,
        "GET",
        f"{_ONE}/compatible",
        compatible.get_compatible,
        compatible.CompatibleBody,
        tag="choose",
        errors=(404,),
        moves=True,
    )


def _add_operation(app: FastAPI) -> None:
    route(app, "GET", "/audit", audit.get_audit, audit.AuditBody, tag="operate", login=True)
    route(app, "GET", "/health/live", health.is_live, health.LiveBody, tag="operate")
    route(app, "GET", "/health/ready", health.is_ready, health.ReadyBody, tag="operate", also={503: health.ReadyBody})
    route(app, "GET", "/metrics", metrics.get_metrics, None, tag="operate", media=MEDIA_TYPE)
