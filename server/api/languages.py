"""GET /api/v1/languages: the languages of all artifacts."""

from __future__ import annotations

from dataclasses import asdict
from functools import lru_cache

from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from hub.catalogue.language_facts import list_languages
from hub.catalogue.regions import region_name
from hub.languages import autonym, language_name
from server.auth.access import Hub
from server.auth.caller import caller_of
from server.http.response_bodies import Body, json_response


class LanguageBody(Body):
    """A language with its number of artifacts and its best parity."""

    tag: str = Field(examples=["yo"])
    name: str = Field(examples=["Yoruba"])
    autonym: str = Field(examples=["Èdè Yorùbá"])
    artifacts: int
    parity: float | None = Field(
        description="The best parity on any base: the share of the base's English score. Null if not measured."
    )
    script: str = Field(description="ISO 15924 code; empty for `mul`.", examples=["Latn"])
    region: str = Field(description="UN M49 code of the region where it is mainly read, or empty.", examples=["011"])
    region_name: str = Field(examples=["Western Africa"])


class LanguagesBody(Body):
    """Languages, those with the most artifacts first."""

    languages: list[LanguageBody]


def get_languages(request: Request, hub: Hub) -> Response:
    """List languages with their names, number of artifacts, best parity, script and region."""
    found = list_languages(hub.registry, caller_of(request, hub).readers())
    return json_response({"languages": [{**asdict(each), **_names(each.tag, each.region)} for each in found]})


@lru_cache(maxsize=1024)
def _names(tag: str, region: str) -> dict[str, str]:
    return {
        "name": language_name(tag),
        "autonym": autonym(tag),
        "region_name": region_name(region) if region else "",
    }
