"""`hub leaderboard`: the best scores on a benchmark."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from dataclasses import asdict
from typing import Annotated, Any

from typer import Argument, Option

from hub.cli.find.format_scores import format_value
from hub.cli.find.search import ENDPOINT, elsewhere, finder, on, tag_of
from hub.cli.find.unknown import Known, check_metric
from hub.cli.terminal import print_table, short_name
from hub.errors import InvalidRequest
from hub.records import Provenance, Score


def leaderboard(
    benchmark: Annotated[
        str, Argument(help="Benchmark, such as `emoji-generation` (default: list all).", show_default=False)
    ] = "",
    metric: Annotated[
        str, Argument(help="Metric, such as `r_precision_at_10` (default: list all).", show_default=False)
    ] = "",
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
    """List the best scores of a metric on a benchmark, with 95 % confidence intervals.

    Without a metric, list the benchmarks and metrics that artifacts have scores of.
    """
    if provenance not in list(Provenance):
        raise InvalidRequest(f"unknown provenance `{provenance}`: choose one of {', '.join(Provenance)}.")
    if not metric:
        _print_metrics(benchmark, endpoint, as_objects=as_objects)
        return
    filters: dict[str, Any] = {
        "benchmark": benchmark, "metric": metric, "language": tag_of(lang), "split": split, "base": base, "provenance": provenance,
    }  # fmt: skip
    places = _remote(endpoint, filters, limit) if endpoint else _local(filters, limit)
    if not places:
        with finder(endpoint) as find:
            check_metric(benchmark, metric, Known(find).metrics)
    if as_objects:
        print(json.dumps(places, ensure_ascii=False, indent=2))
        return
    if not places:
        print(f"No {provenance} scores with these filters.{elsewhere(provenance)}")
        return
    rows = [
        (f"{each['rank']}{'=' * each['is_tied']}", short_name(each["artifact"]), _value(each["score"]), each["score"]["split"] or "–",
         each["score"]["language"] or "–", each["score"]["base"] or "–", str(each["score"]["sample_size"] or "–"), each["author"] or "card")
        for each in places
    ]  # fmt: skip
    print_table(
        ("RANK", "ARTIFACT", "VALUE [95 %]", "SPLIT", "LANGUAGE", "BASE", "N", "SUBMITTED BY"),
        rows,
        drop=("SUBMITTED BY", "N", "BASE", "SPLIT", "LANGUAGE"),
    )
    if any(each["is_tied"] for each in places[1:]):
        print("= not significantly different from the best (overlapping intervals)")


def _print_metrics(benchmark: str, endpoint: str, *, as_objects: bool) -> None:
    """List the metrics of one benchmark, or of all. Raises UnknownBenchmark."""
    with finder(endpoint) as find:
        known = Known(find)
        check_metric(benchmark, "", known.metrics)
        counts = Counter(
            pair
            for artifact in known.page.items
            for pair in {(score.benchmark, score.metric) for score in artifact.scores}
            if not benchmark or pair[0] == benchmark
        )
    rows = [(*pair, number) for pair, number in sorted(counts.items())]
    if as_objects:
        objects = [{"benchmark": each, "metric": metric, "artifacts": number} for each, metric, number in rows]
        print(json.dumps(objects, ensure_ascii=False, indent=2))
    elif rows:
        print_table(
            ("BENCHMARK", "METRIC", "ARTIFACTS"), [(each, metric, str(number)) for each, metric, number in rows]
        )
        print(f"\nShow one with `hub leaderboard {rows[0][0]} {shlex.quote(rows[0][1])}{on(endpoint)}`.")
    else:
        print("No artifact has scores. `hub evaluate NAME` measures them.")


def _local(filters: dict[str, Any], limit: int) -> list[dict[str, Any]]:
    from hub.local import LocalHub
    from hub.registry.scores.leaderboard import LeaderboardQuery
    from hub.registry.scores.leaderboard import leaderboard as best_scores

    with LocalHub.open() as hub:
        filters |= {"base": hub.registry.short_base_name(filters["base"])}
        places, _ = best_scores(hub.registry.database, LeaderboardQuery(**filters), limit)
    return [asdict(each) | {"artifact": str(each.artifact)} for each in places]


def _remote(address: str, filters: dict[str, Any], limit: int) -> list[dict[str, Any]]:
    from hub.remote.client import Endpoint

    found: list[dict[str, Any]] = Endpoint(address).ask("GET", "/leaderboard", {**filters, "limit": limit})["entries"]
    return found


def _value(score: dict[str, Any]) -> str:
    return format_value(Score(**{**score, "provenance": Provenance(score["provenance"])}))
