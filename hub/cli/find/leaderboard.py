"""`hub leaderboard`: the best scores on a benchmark."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from typing import Annotated, Any

from typer import Argument, Option

from hub.cli.find.format_scores import format_value
from hub.cli.find.search import ENDPOINT, elsewhere, finder, on, tag_of
from hub.cli.find.unknown import Known, check_filters, check_metric
from hub.cli.terminal import bold, print_table, short_name
from hub.errors import InvalidRequest
from hub.records import Provenance, Query, Score
from hub.registry.index.tags import CURATED_OWNER


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
    method: Annotated[str, Option(help="Training method, such as mulan or pea.", show_default=False)] = "",
    digest: Annotated[str, Option(help="First digits of the benchmark's digest.", show_default=False)] = "",
    provenance: Annotated[
        str, Option(help="Provenance of the scores: reproduced, self-reported, reported or disputed.")
    ] = "reproduced",
    limit: Annotated[int, Option(min=1, max=1000, help="Maximum number of entries of each ranking.")] = 20,
    as_objects: Annotated[bool, Option("--json", help="Print JSON.")] = False,
    endpoint: Annotated[str, Option(help=ENDPOINT, show_default=False)] = "",
) -> None:
    """List the best scores of a metric on a benchmark, with 95 % confidence intervals.

    Scores that cannot be compared, because data, split, unit, class of sample size or machine differ, are in separate rankings. The rank
    of an entry is one more than the number of entries whose interval is entirely better. Without a metric, list the
    benchmarks and metrics that have scores.
    """
    if provenance not in list(Provenance):
        raise InvalidRequest(f"unknown provenance `{provenance}`: choose one of {', '.join(Provenance)}.")
    if not metric:
        _print_metrics(benchmark, endpoint, as_objects=as_objects)
        return
    filters: dict[str, Any] = {
        "benchmark": benchmark, "metric": metric, "language": tag_of(lang), "split": split, "base": base, "method": method,
        "digest": digest.lower(), "provenance": provenance,
    }  # fmt: skip
    boards = _remote(endpoint, filters, limit) if endpoint else _local(filters, limit)
    if not boards:
        with finder(endpoint) as find:
            check_metric(benchmark, metric, Known(find).metrics)
            check_filters(Query(base=base, method=method), find)
    if as_objects:
        print(json.dumps(boards, ensure_ascii=False, indent=2))
        return
    if not boards:
        print(f"No {provenance} scores with these filters.{elsewhere(provenance)}")
        return
    for number, board in enumerate(boards):
        _print_board(board, is_first=number == 0)
    print("\nEqual ranks: the intervals overlap. Rankings are not comparable with each other.")
    first = boards[0]["entries"][0]
    artifact = first["artifact"].removeprefix(f"{CURATED_OWNER}/")
    print(f"Show a run record:\n  hub show {artifact} --score {first['id']}{on(endpoint)}")


def _print_board(board: dict[str, Any], *, is_first: bool) -> None:
    digest = f"digest {board['benchmark_digest'][:8]}" if board["benchmark_digest"] else "digest not stated"
    unit = board["unit"] if board["unit"] not in {"", "1"} else ""
    facts = [
        board["split"] or "no split",
        digest,
        board["setting"] or "n not stated",
        unit,
        f"{board['better']} is better",
    ]
    print(("" if is_first else "\n") + bold(" · ".join(filter(None, facts))))
    rows = [_row(each, each["score"]) for each in board["entries"]]
    print_table(
        ("RANK", "ARTIFACT", "VALUE [95 %]", "LANGUAGE", "BASE", "METHOD", "N", "SUBMITTED BY", "RECORD"),
        rows,
        drop=("SUBMITTED BY", "METHOD", "N", "BASE", "RECORD", "LANGUAGE"),
    )
    if board["total"] > len(rows):
        print(f"{board['total'] - len(rows):,} more.")


def _row(entry: dict[str, Any], score: dict[str, Any]) -> tuple[str, ...]:
    return (
        str(entry["rank"]), short_name(entry["artifact"]), _value(score), score["language"] or "–", score["base"] or "–",
        entry["method"] or "–", str(score["sample_size"] or "–"), entry["author"] or "card", entry["id"],
    )  # fmt: skip


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
    from hub.advice.fronts import with_fronts
    from hub.local import LocalHub
    from hub.registry.scores.leaderboard import LeaderboardQuery, leaderboards

    with LocalHub.open() as hub:
        filters |= {"base": hub.registry.short_base_name(filters["base"])}
        return with_fronts(
            hub.registry, hub.store, leaderboards(hub.registry.database, LeaderboardQuery(**filters), limit)
        )


def _remote(address: str, filters: dict[str, Any], limit: int) -> list[dict[str, Any]]:
    from hub.remote.client import Endpoint

    found: list[dict[str, Any]] = Endpoint(address).ask("GET", "/leaderboard", {**filters, "limit": limit})["rankings"]
    return found


def _value(score: dict[str, Any]) -> str:
    return format_value(Score(**{**score, "provenance": Provenance(score["provenance"])}))
