"""GET /api/v1/languages: the languages of all artifacts."""

from __future__ import annotations

from functools import lru_cache

from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from hub.languages import autonym, language_name
from hub.records import Query
from server.auth.access import Hub
from server.auth.caller import caller_of
from server.http.response_bodies import Body, json_response


class LanguageBody(Body):
    """A language and its number of artifacts."""

    tag: str = Field(examples=["yo"])
    name: str = Field(examples=["Yoruba"])
    autonym: str = Field(examples=["Èdè Yorùbá"])
    artifacts: int


class LanguagesBody(Body):
    """Languages, those with the most artifacts first."""

    languages: list[LanguageBody]


def get_languages(request: Request, hub: Hub) -> Response:
    """List languages with their names and number of artifacts."""
    counts = hub.registry.find(Query(limit=0, readers=caller_of(request, hub).readers())).facets["language"]
    tags = sorted(counts, key=lambda tag: (-counts[tag], tag))
    return json_response({"languages": [{"tag": tag, **_names(tag), "artifacts": counts[tag]} for tag in tags]})


@lru_cache(maxsize=1024)
def _names(tag: str) -> dict[str, str]:
    return {"name": language_name(tag), "autonym": autonym(tag)}
