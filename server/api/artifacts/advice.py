"""GET /api/v1/advice: recommend modules and training methods for a language, from scores that this hub trusts."""

from __future__ import annotations

from statistics import median
from typing import Annotated

from fastapi import Query as Parameter
from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from hub.languages import language_name
from hub.local import LocalHub
from hub.publish.lineage import lineages
from hub.records import Artifact, Provenance, Query, Score
from hub.registry.index.ranking import is_trusted
from server.auth.access import Hub
from server.auth.caller import caller_of
from server.http.response_bodies import ArtifactBody, Body, artifact_body, json_response
from server.openapi.parameters import Language, Word

MAX_MODULES = 100
"""Modules of a base that are compared, the best first."""


class MethodBody(Body):
    """A training method and the scores of its modules for this base."""

    method: str = Field(examples=["mulan"])
    artifacts: int = Field(description="Number of its modules among those compared.")
    median: float | None = Field(description="Median of their best scores of `metric`.")
    min_value: float | None
    max_value: float | None
    metric: str
    device_seconds: float | None = Field(description="Median training time in device-seconds; null if unknown.")
    within_budget: bool | None = Field(
        description="Whether `device_seconds` is within the budget; null if either is unknown."
    )


class AdviceBody(Body):
    """The best modules, and methods for training one."""

    language: str
    base: str
    advice: list[str] = Field(description="Recommendations as sentences, the most useful first.")
    ready: list[ArtifactBody] = Field(description="Modules with a trusted score in the language, the best first.")
    unmeasured: int = Field(description="Modules for the language without a trusted score in it.")
    methods: list[MethodBody] = Field(description="Methods for training a module, the best median first.")


def get_advice(
    request: Request,
    hub: Hub,
    language: Annotated[Language, Parameter(min_length=1, description="Language tag or name.", examples=["yo"])],
    base: Annotated[Word, Parameter(description="Base to use (default: any).", examples=["emoji-sd"])] = "",
    budget: Annotated[
        float | None, Parameter(ge=0, le=1e12, description="Training budget in device-seconds.", examples=[600])
    ] = None,
) -> Response:
    """Recommend modules for a language and a training method for a budget, based on scores that this hub trusts.

    These are scores that it has reproduced, and those of the curated cards.
    """
    readers = caller_of(request, hub).readers()
    page = hub.registry.find(Query(language=language, base=base, limit=MAX_MODULES, readers=readers, scores="best"))
    ready = [each for each in page.items if _is_ready(each, language)]
    methods = _methods(hub, base, readers, budget)
    return json_response(
        {
            "language": language,
            "base": base,
            "advice": _sentences(language, base, ready, methods, budget),
            "ready": [artifact_body(each) for each in ready[:5]],
            "unmeasured": max(0, page.total - len(ready)),
            "methods": methods,
        }
    )


def _is_ready(artifact: Artifact, language: str) -> bool:
    return any(is_trusted(score, artifact.name.owner) and score.language == language for score in artifact.scores)


def _methods(
    hub: LocalHub, base: str, readers: tuple[str, ...] | None, budget: float | None
) -> list[dict[str, str | int | float | bool | None]]:
    """Summarize the methods on a base, in any language, by the most common headline metric."""
    found = hub.registry.find(Query(base=base, limit=MAX_MODULES, readers=readers, scores="best")).items
    best = [(each, each.scores[0]) for each in found if each.method and each.scores]
    measured = [(each, score) for each, score in best if is_trusted(score, each.name.owner)]
    metrics = [score.metric for _, score in measured]
    if not metrics:
        return []
    metric = max(dict.fromkeys(metrics), key=metrics.count)
    groups: dict[str, list[tuple[Artifact, Score]]] = {}
    for artifact, score in measured:
        if score.metric == metric:
            groups.setdefault(artifact.method, []).append((artifact, score))
    rows = [_method(hub, method, members, metric, budget) for method, members in groups.items()]
    is_down = measured[metrics.index(metric)][1].better == "down"
    return sorted(rows, key=lambda row: float(row["median"] or 0) * (1 if is_down else -1))


def _method(
    hub: LocalHub, method: str, members: list[tuple[Artifact, Score]], metric: str, budget: float | None
) -> dict[str, str | int | float | bool | None]:
    values = [score.value for _, score in members]
    costs = [seconds for artifact, _ in members[:10] if (seconds := _device_seconds(hub, artifact)) is not None]
    cost = median(costs) if costs else None
    return {
        "method": method,
        "artifacts": len(members),
        "median": median(values),
        "min_value": min(values),
        "max_value": max(values),
        "metric": metric,
        "device_seconds": cost,
        "within_budget": cost <= budget if cost is not None and budget is not None else None,
    }


def _device_seconds(hub: LocalHub, artifact: Artifact) -> float | None:
    """Return the training time of the most expensive variant."""
    if not artifact.revision:
        return None
    variants = lineages(hub.registry.revision(artifact.name), hub.store)
    return max((each.device_seconds for each in variants if each.device_seconds is not None), default=None)


def _standing(best: Score) -> str:
    """Return why a module is recommended."""
    if best.provenance is Provenance.REPRODUCED:
        return "the best reproduced here"
    return "the best among the curated cards; not reproduced here yet"


def _sentences(
    language: str,
    base: str,
    ready: list[Artifact],
    methods: list[dict[str, str | int | float | bool | None]],
    budget: float | None,
) -> list[str]:
    where = f" on `{base}`" if base else ""
    name = language_name(language)
    sentences = [f"No module has a score in {name}{where} that this hub trusts. Try a module that lists the language."]
    if ready:
        best = ready[0].scores[0]
        sentences = [f"Use `{ready[0].name}`: {best.metric} {best.value:.3g} in {name}{where}, {_standing(best)}."]
    if row := next((row for row in methods if row["within_budget"]), None):
        sentences.append(
            f"To train one within {budget:g} device-seconds: `{row['method']}`, whose {row['artifacts']} measured modules{where} "
            f"have a median {row['metric']} of {row['median']:.3g} and took {row['device_seconds']:.0f} device-seconds."
        )
    elif methods:
        row = methods[0]
        sentences.append(
            f"To train one: `{row['method']}` has the best median {row['metric']}{where}, {row['median']:.3g}."
        )
    return sentences
