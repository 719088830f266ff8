"""`hub leaderboard`: the best scores on a benchmark."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any

from typer import Argument, Option

from hub.cli.find.format_scores import format_value
from hub.cli.find.search import ENDPOINT, elsewhere, tag_of
from hub.cli.terminal import print_table
from hub.errors import InvalidRequest
from hub.records import Provenance, Score


def leaderboard(
    benchmark: Annotated[str, Argument(help="Benchmark, such as `emoji-generation`.")],
    metric: Annotated[str, Argument(help="Metric, such as `r_precision_at_10`.")],
    lang: Annotated[str, Option(help="Language tag or name.", show_default=False)] = "",
    split: Annotated[str, Option(help="Split of the benchmark.", show_default=False)] = "",
    base: Annotated[str, Option(help="Base the score was measured on.", show_default=False)] = "",
    provenance: Annotated[
        str, Option(help="Provenance of the scores: reproduced, self-reported, reported or disputed.")
    ] = "reproduced",
    limit: Annotated[int, Option(min=1, max=1000, help="Maximum number of results.")] = 20,
    as_objects: Annotated[bool, Option("--json", help="Print JSON.")] = False,
    endpoint: Annotated[str, Option(help=ENDPOINT, show_default=False)] = "",
) -> None:
    """List the best scores of a metric on a benchmark, with 95 % confidence intervals."""
    if provenance not in list(Provenance):
        raise InvalidRequest(f"unknown provenance `{provenance}`: choose one of {', '.join(Provenance)}.")
    filters: dict[str, Any] = {
        "benchmark": benchmark, "metric": metric, "language": tag_of(lang), "split": split, "base": base, "provenance": provenance,
    }  # fmt: skip
    places = _remote(endpoint, filters, limit) if endpoint else _local(filters, limit)
    if as_objects:
        print(json.dumps(places, ensure_ascii=False, indent=2))
        return
    if not places:
        print(f"No {provenance} scores for this benchmark and metric.{elsewhere(provenance)}")
        return
    rows = [
        (f"{each['rank']}{'=' * each['is_tied']}", each["artifact"], _value(each["score"]), each["score"]["split"] or "–",
         each["score"]["language"] or "–", each["score"]["base"] or "–", str(each["score"]["sample_size"] or "–"), each["author"] or "card")
        for each in places
    ]  # fmt: skip
    print_table(("RANK", "ARTIFACT", "VALUE [95 %]", "SPLIT", "LANGUAGE", "BASE", "N", "SUBMITTED BY"), rows)
    if any(each["is_tied"] for each in places[1:]):
        print("= not significantly different from the best (overlapping intervals)")


def _local(filters: dict[str, Any], limit: int) -> list[dict[str, Any]]:
    from hub.local import LocalHub
    from hub.registry.scores.leaderboard import LeaderboardQuery
    from hub.registry.scores.leaderboard import leaderboard as best_scores

    with LocalHub.open() as hub:
        places, _ = best_scores(hub.registry.database, LeaderboardQuery(**filters), limit)
    return [asdict(each) | {"artifact": str(each.artifact)} for each in places]


def _remote(address: str, filters: dict[str, Any], limit: int) -> list[dict[str, Any]]:
    from hub.remote.client import Endpoint

    found: list[dict[str, Any]] = Endpoint(address).ask("GET", "/leaderboard", {**filters, "limit": limit})["entries"]
    return found


def _value(score: dict[str, Any]) -> str:
    return format_value(Score(**{**score, "provenance": Provenance(score["provenance"])}))
