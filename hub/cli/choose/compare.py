"""`hub compare`: artifacts side by side."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from hub.advice.comparison import FEWEST, MOST
from hub.cli.find.facts import MAX_LANGUAGES
from hub.cli.find.format_scores import format_value
from hub.cli.find.search import ENDPOINT
from hub.cli.terminal import bold, print_table, short_name, size
from hub.errors import UnknownArtifact
from hub.records import Artifact, Provenance, Score

if TYPE_CHECKING:
    from hub.registry import Registry


def compare(
    names: Annotated[list[str], Argument(help=f"{FEWEST} to {MOST} artifacts.", show_default=False)],
    metric: Annotated[
        str, Option(help="Only this metric, such as r_precision_at_1 (default: all).", show_default=False)
    ] = "",
    as_object: Annotated[bool, Option("--json", help="Print JSON.")] = False,
    endpoint: Annotated[str, Option(help=ENDPOINT, show_default=False)] = "",
) -> None:
    """Compare two to four artifacts: facts, and scores with 95 % confidence intervals.

    Scores are compared only if they share metric, benchmark, digest, split, language, base, unit, provenance and
    class of sample size. A score is marked as better (*) if its interval lies entirely beyond all others.
    """
    found = _remote(endpoint, names) if endpoint else _local(names)
    rows = [each for each in found["rows"] if metric in {"", each["metric"]}]
    if as_object:
        print(json.dumps({**found, "rows": rows}, ensure_ascii=False, indent=2))
        return
    _print_facts(found)
    print()
    _print_scores(found, rows, metric)


def _print_facts(found: dict[str, Any]) -> None:
    facts, common = found["facts"], found["common_languages"]
    lines = {
        "kind": [each["kind"] for each in facts],
        "method": [each["method"] for each in facts],
        "fits": [", ".join(each["bases"]) for each in facts],
        "encoder": [each["encoder"] for each in facts],
        "languages": [_listed(each["languages"]) for each in facts],
        "parameters": [f"{each['parameters']:,}" if each["parameters"] else "" for each in facts],
        "size": [size(each["size_bytes"]) if each["size_bytes"] else "" for each in facts],
        "licence": [each["license"] for each in facts],
        "training": [
            "; ".join(f"{run['seconds']:,.0f} s on {run['device']}" for run in each["training"]) for each in facts
        ],
    }
    headings = ("", *(short_name(each).upper() for each in found["artifacts"]))
    print_table(
        headings, [(label, *(value or "–" for value in values)) for label, values in lines.items() if any(values)]
    )
    print(f"\nLanguages of all: {_listed(common) or 'none'}.")


def _print_scores(found: dict[str, Any], rows: list[dict[str, Any]], metric: str) -> None:
    if rows:
        baselines = [
            label
            for label in ("base alone", "translated", "English prompts")
            if any(label in row["baselines"] for row in rows)
        ]
        print(bold("Comparable scores"))
        cells = [
            (row["metric"], "/".join(filter(None, (row["benchmark"], row["split"]))), row["language"] or "–",
             *(_cell(row, column) for column in row["columns"]),
             *(_value(row["baselines"][label]) if label in row["baselines"] else "–" for label in baselines), row["provenance"])
            for row in rows
        ]  # fmt: skip
        print_table(
            ("METRIC", "ON", "TAG", *(short_name(each).upper() for each in found["artifacts"]), *map(str.upper, baselines), "PROVENANCE"),
            cells,
            drop=("PROVENANCE", "ENGLISH PROMPTS", "ON"),
        )  # fmt: skip
        print("\n* better: its interval lies entirely beyond all others.")
    else:
        print(f"They have no comparable scores{f' of {metric}' if metric else ''}.")
    if found["incomparable"]:
        why = f" Some only differ in {', '.join(found['differences'])}." if found["differences"] else ""
        print(f"{found['incomparable']:,} scores have no counterpart.{why}")


def _listed(tags: list[str]) -> str:
    more = len(tags) - MAX_LANGUAGES
    return ", ".join(tags[:MAX_LANGUAGES]) + (f" and {more} more" if more > 0 else "")


def _cell(row: dict[str, Any], column: dict[str, Any]) -> str:
    return "–" if column["score"] is None else _value(column["score"]) + " *" * (row["best"] == column["artifact"])


def _value(score: dict[str, Any]) -> str:
    return format_value(Score(**{**score, "provenance": Provenance(score["provenance"])}))


def _local(names: list[str]) -> dict[str, Any]:
    from hub.advice.comparison import as_json, check_names
    from hub.advice.comparison import compare as compared
    from hub.advice.memory_estimate import front_matter_of
    from hub.local import LocalHub

    check_names(names)
    with LocalHub.open() as hub:
        artifacts = [_get(hub.registry, name) for name in names]
        cards = [front_matter_of(each, hub.registry, hub.store) for each in artifacts]
        return as_json(compared(hub.registry, hub.store, artifacts, cards))


def _get(registry: Registry, name: str) -> Artifact:
    """Return an artifact by its name, or a base by any of its names. Raises UnknownArtifact."""
    try:
        return registry.get(name)
    except UnknownArtifact:
        if not (base := registry.base_named(name)):
            raise
        return registry.get(base)


def _remote(address: str, names: list[str]) -> dict[str, Any]:
    from hub.remote.client import Endpoint

    found: dict[str, Any] = Endpoint(address).ask("GET", "/compare", {"artifact": names})
    return found
