"""GET /api/v1/parity: the share of its English score that a base reaches in other languages."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from pydantic import Field
from starlette.responses import Response

from hub.advice.measuring import MeasurementPlan
from hub.advice.parity_report import Reported, as_json, map_as_json, parity_overview, parity_report
from hub.advice.recommend import MAX_LANGUAGES
from hub.registry.scores.parity_map import Trial
from server.auth.access import Hub
from server.auth.caller import caller_of
from server.http.response_bodies import Body, json_response
from server.openapi.parameters import Language, Word


class ParityCellBody(Body):
    """The best parity of one language and source."""

    value: float = Field(description="Share of the base's English score.")
    low: float | None = Field(description="Lower end of the 95 % interval.")
    high: float | None
    score: float = Field(description="The score in the language.")
    english: float | None = Field(description="The base's English score; null if the score is a parity itself.")
    sample_size: int | None
    provenance: str = Field(description="The less trusted one of both scores.")
    artifact: str = Field(examples=["linguahub/mulan-yo"])
    method: str
    id: str = Field(description="Id of the score in the language.")
    record: str = Field(description="The endpoint with the score and its run record.")
    at: str | None = Field(
        description="When it was measured here or published; null for a score of a card, which has no date."
    )


class ParityRowBody(Body):
    """One language."""

    language: str
    raw: ParityCellBody | None = Field(description="The base alone.")
    translated: ParityCellBody | None = Field(description="The base, after a translation into English.")
    module: ParityCellBody | None = Field(description="The base with the best module.")


class ParityMapBody(Body):
    """The parities of one base in one trial."""

    base: str
    trial: Trial | None = Field(description="What all its parities have in common; null if nothing is known.")
    other_trials: list[Trial] = Field(description="Other trials, which are not comparable with this one.")
    rows: list[ParityRowBody]
    missing: list[str] = Field(description="With `base`: languages without a parity.")
    reported: list[Reported] = Field(
        description="With `base`: reported scores that are not parities, because the base's English score is not known.",
    )
    measure: MeasurementPlan | None = Field(
        description="With `base`: the command that measures missing languages on one device, and its cost."
    )


class ParityBody(Body):
    """The parity map."""

    bases: list[ParityMapBody]


def get_parity(
    request: Request,
    hub: Hub,
    base: Annotated[Word, Query(description="Base, by any of its names (default: all).", examples=["emoji-sd"])] = "",
    language: Annotated[
        list[Language] | None,
        Query(
            max_length=MAX_LANGUAGES,
            description="Language tag or name; repeat the parameter (default: all).",
            examples=[["yo"]],
        ),
    ] = None,
    metric: Annotated[
        Word, Query(description="Metric, with or without its judge.", examples=["r_precision_at_1"])
    ] = "",
    benchmark: Annotated[Word, Query(description="Benchmark.", examples=["emoji-generation"])] = "",
    split: Annotated[Word, Query(description="Split of the benchmark.", examples=["seen"])] = "",
) -> Response:
    """Return the share of its English score that a base reaches in each language: alone, translated, and through the best module.

    A map has one metric, benchmark, digest, split and class of sample size. Of several, it is one with the most informative metric
    and the most languages, unless the parameters choose.

    Raises UnknownBase, UnknownMetric.
    """
    readers = caller_of(request, hub).readers()
    languages = tuple(dict.fromkeys(filter(None, language or ())))
    filters = {"metric": metric, "benchmark": benchmark, "split": split}
    if base:
        return json_response(
            {"bases": [as_json(parity_report(hub.registry, base, languages, **filters, readers=readers))]}
        )
    found = parity_overview(hub.registry, languages, **filters, readers=readers)
    return json_response({"bases": [map_as_json(*each) for each in found]})
