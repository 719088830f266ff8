"""GET /api/v1/recommend: what to load, or to train, for languages on a base."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from pydantic import Field
from starlette.responses import Response

from hub.advice.ready import Excluded, InLanguage
from hub.advice.recommend import MAX_LANGUAGES, Question, as_json, recommend
from hub.advice.tables import PRICE_PER_HOUR
from hub.advice.ways_to_train import Training
from server.auth.access import Hub
from server.auth.caller import caller_of
from server.http.response_bodies import Body, json_response
from server.openapi.parameters import Language, Word


class ReadyModuleBody(Body):
    """A module that works with the base and can be loaded now."""

    artifact: str = Field(examples=["linguahub/mulan-yo"])
    kind: str
    method: str
    made_for_it: bool = Field(
        description="Whether it was made for this base rather than for one with the same conditioning."
    )
    languages: list[InLanguage]
    memory_gigabytes: float = Field(
        description="Memory of the weights of base, encoder and module, without activations."
    )
    dtype: str = Field(description="The data type that this refers to: `fp16`, `8bit` or `4bit`.")
    why: list[str]
    unknown: list[str] = Field(description="Values that were not measured or stated.")
    load: str = Field(examples=['load_pipeline("emoji-sd", adapter="mulan-yo")'])


class CriterionBody(Body):
    """Advice of the study that is about the question, and what was found about it."""

    need: str
    says: str
    verdict: str = Field(description="`holds`, `contradicted` or `untraceable`.")
    found: str
    methods: list[str]


class RecommendBody(Body):
    """Modules to load, and ways to train one."""

    base: str
    languages: list[str]
    advice: list[str] = Field(description="The answer as sentences, the most useful first.")
    ready: list[ReadyModuleBody] = Field(description="Modules to load, the best first.")
    excluded: list[Excluded] = Field(description="Modules for the languages that are not recommended, with the reason.")
    missing: list[str] = Field(description="Languages that no such module was trained on.")
    training: list[Training] = Field(description="Ways to train a module, the most promising first.")
    refused: dict[str, str] = Field(description="Method → why it cannot train one.")
    study: list[CriterionBody]


def get_recommendation(
    request: Request,
    hub: Hub,
    base: Annotated[Word, Query(min_length=1, description="Base, by any of its names.", examples=["emoji-sd"])],
    language: Annotated[
        list[Language],
        Query(
            min_length=1,
            max_length=MAX_LANGUAGES,
            description="Language tag or name; repeat the parameter.",
            examples=[["yo"]],
        ),
    ],
    budget: Annotated[float | None, Query(gt=0, lt=1e12, description="Dollars for training.", examples=[1000])] = None,
    need: Annotated[
        list[Word] | None,
        Query(max_length=5, description="Priority: a criterion of the study.", examples=[["culture"]]),
    ] = None,
    max_vram: Annotated[
        float | None, Query(gt=0, lt=1e12, description="Gigabytes of device memory for all weights.", examples=[24])
    ] = None,
    price_per_hour: Annotated[
        float, Query(gt=0, lt=1e12, description="Dollars per hour of an accelerator.")
    ] = PRICE_PER_HOUR,
) -> Response:
    """Recommend a module to load for languages on a base, and a method to train one where none exists.

    Modules that do not work with the base are left out. The others are ranked by scores that this hub has
    reproduced, then by scores that their owners report, then by scores that others report.

    Raises UnknownBase, InvalidRequest.
    """
    question = Question(
        languages=tuple(dict.fromkeys(filter(None, language))), base=base, budget=budget, needs=tuple(need or ()), max_vram=max_vram,
        price_per_hour=price_per_hour, readers=caller_of(request, hub).readers(),
    )  # fmt: skip
    return json_response(as_json(recommend(hub.registry, hub.store, question)))
