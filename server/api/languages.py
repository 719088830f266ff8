"""GET /api/v1/languages and /api/v1/bases: the languages and bases of all artifacts."""

from __future__ import annotations

from functools import lru_cache

from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from hub.conditioning import Conditioning
from hub.languages import autonym, language_name
from hub.records import Query, Upstream
from server.auth.access import Hub
from server.auth.caller import caller_of
from server.http.response_bodies import Body, json_response

MAX_BASES = 1000
"""Bases in one response."""


class LanguageBody(Body):
    """A language and its number of artifacts."""

    tag: str = Field(examples=["yo"])
    name: str = Field(examples=["Yoruba"])
    autonym: str = Field(examples=["Èdè Yorùbá"])
    artifacts: int


class LanguagesBody(Body):
    """Languages, those with the most artifacts first."""

    languages: list[LanguageBody]


class BaseBody(Body):
    """A frozen text-to-image pipeline that modules are made for."""

    name: str = Field(examples=["emoji-sd"])
    owner: str
    summary: str
    license: str
    revision: str
    weights_digest: str
    conditioning: Conditioning | None
    upstream: list[Upstream]
    artifacts: int = Field(description="Number of modules with weights for it.")


class BasesBody(Body):
    """Bases, sorted by name."""

    bases: list[BaseBody]


def get_languages(request: Request, hub: Hub) -> Response:
    """List languages with their names and number of artifacts."""
    counts = hub.registry.find(Query(limit=0, readers=caller_of(request, hub).readers())).facets["language"]
    tags = sorted(counts, key=lambda tag: (-counts[tag], tag))
    return json_response({"languages": [{"tag": tag, **_names(tag), "artifacts": counts[tag]} for tag in tags]})


def get_bases(request: Request, hub: Hub) -> Response:
    """List bases with their conditioning and number of modules."""
    readers = caller_of(request, hub).readers()
    page = hub.registry.find(Query(kind="base", sort="name", limit=MAX_BASES, readers=readers, scores="best"))
    counts = hub.registry.find(Query(limit=0, readers=readers)).facets["base"]
    facts = ("summary", "license", "revision", "weights_digest", "conditioning", "upstream")
    return json_response(
        {
            "bases": [
                {
                    "name": each.name.name,
                    "owner": each.name.owner,
                    **{fact: getattr(each, fact) for fact in facts},
                    "artifacts": counts.get(each.name.name, 0) + counts.get(str(each.name), 0),
                }
                for each in page.items
            ]
        }
    )


@lru_cache(maxsize=1024)
def _names(tag: str) -> dict[str, str]:
    return {"name": language_name(tag), "autonym": autonym(tag)}
