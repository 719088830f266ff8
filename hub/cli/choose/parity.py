"""`hub parity`: the share of its English score that a base reaches in other languages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from hub.cli.find.search import ENDPOINT, on, tag_of
from hub.cli.terminal import bold, print_table, short_name
from hub.languages import language_name
from hub.scores.parity import Source

if TYPE_CHECKING:
    from hub.local import LocalHub

MAX_LISTED = 12
"""Languages or bases without a parity that are named."""


def parity(
    base: Annotated[
        str, Option(help="Base, by any of its names (default: all with a parity).", show_default=False)
    ] = "",
    lang: Annotated[
        list[str] | None,
        Option(help="Language tag or name; repeat it, or separate several by commas.", show_default=False),
    ] = None,
    metric: Annotated[str, Option(help="Metric, such as r_precision_at_1.", show_default=False)] = "",
    benchmark: Annotated[str, Option(help="Benchmark of the scores.", show_default=False)] = "",
    split: Annotated[str, Option(help="Split of the benchmark.", show_default=False)] = "",
    as_object: Annotated[bool, Option("--json", help="Print JSON.")] = False,
    endpoint: Annotated[str, Option(help=ENDPOINT, show_default=False)] = "",
) -> None:
    """Show the share of its English score that a base reaches in each language: alone, after translation, and through the best module.

    One map has one metric, benchmark, digest, split and class of sample size, and 95 % intervals. What is missing comes with the
    command that measures it.
    """
    languages = parse_languages(lang)
    filters: dict[str, Any] = {"metric": metric, "benchmark": benchmark, "split": split}
    if endpoint:
        from hub.remote.client import Endpoint

        asked = {"base": base, "language": list(languages), **filters}
        found = Endpoint(endpoint).ask("GET", "/parity", {name: value for name, value in asked.items() if value})
    else:
        from hub.local import LocalHub

        with LocalHub.open() as hub:
            found = _local(hub, base, languages, filters)
    if as_object:
        print(json.dumps(found, ensure_ascii=False, indent=2))
    elif base:
        _print_base(found["bases"][0])
    else:
        _print_all(found["bases"], endpoint)


def parse_languages(given: list[str] | None) -> tuple[str, ...]:
    """Return the tags of languages, each of them given alone or in a list with commas. Raises UnknownLanguage."""
    parts = [part.strip() for each in given or () for part in each.split(",")]
    return tuple(dict.fromkeys(tag_of(part) for part in parts if part))


def _local(hub: LocalHub, base: str, languages: tuple[str, ...], filters: dict[str, Any]) -> dict[str, Any]:
    from hub.advice.parity_report import as_json, map_as_json, parity_overview, parity_report

    if base:
        return {"bases": [as_json(parity_report(hub.registry, base, languages, **filters))]}
    return {"bases": [map_as_json(*each) for each in parity_overview(hub.registry, languages, **filters)]}


def _print_all(bases: list[dict[str, Any]], endpoint: str) -> None:
    measured = [each for each in bases if each["rows"]]
    for number, each in enumerate(measured):
        _print_map(each, is_first=number == 0)
    others = [short_name(each["base"]) for each in bases if not each["rows"]]
    if others:
        print(
            f"\n{len(others)} bases have no parity here: {_short_list(others)}. "
            f"`hub parity --base {others[0]}{on(endpoint)}` prints the command that measures one."
        )


def _print_base(found: dict[str, Any]) -> None:
    name = short_name(found["base"])
    if found["rows"]:
        _print_map(found, is_first=True)
    else:
        print(f"No parity of `{name}` is known here.")
    splits = sorted({f"{each['benchmark']}/{each['split']} {each['metric']}" for each in found["other_trials"]})
    if splits:
        print(
            f"\nAlso measured, but not comparable: {_short_list(splits)}. Choose with --benchmark, --split and --metric."
        )
    if found["reported"]:
        print("\nReported elsewhere. They are not parities, because the base's English score is not known:")
        rows = [
            (each["artifact"].removeprefix("linguahub/"), each["score"]["metric"], f"{each['score']['value']:.3g}",
             "/".join(filter(None, (each["score"]["benchmark"], each["score"]["language"]))), each["score"]["source"])
            for each in found["reported"]
        ]  # fmt: skip
        print_table(("ARTIFACT", "METRIC", "VALUE", "BENCHMARK", "SOURCE"), rows, drop=("SOURCE",), cut=("SOURCE",))
    if found["missing"]:
        print(f"\nNot measured in {len(found['missing'])} languages: {_short_list(found['missing'])}.")
    print_measurement(found["measure"])


def print_measurement(measure: dict[str, Any] | None) -> None:
    """Print the command that measures a parity, and its cost."""
    if measure is None:
        print("No benchmark here can evaluate this base.")
        return
    seconds = measure["device_seconds"]
    cost = f"about {seconds / 60:,.0f} minutes on one {measure['device']}" if seconds is not None else "cost not known"
    price = f", ${measure['dollars']:,.2f}" if measure["dollars"] is not None else ""
    print(f"Measure it on one device ({measure['images']} images, {cost}{price}):\n  {measure['command']}")


def _print_map(found: dict[str, Any], *, is_first: bool) -> None:
    trial = found["trial"]
    where = "/".join(filter(None, (trial["benchmark"], trial["split"])))
    digest = f"digest {trial['benchmark_digest'][:8] or 'not stated'}"
    title = f"{short_name(found['base'])}: {trial['metric']} on {where}, {digest}, {trial['setting']}"
    print(("" if is_first else "\n") + bold(title))
    rows = [
        (row["language"], language_name(row["language"]), *(_cell(row[source]) for source in Source),
         row["module"]["artifact"].removeprefix("linguahub/") if row["module"] else "–", _provenance(row),
         max((each["at"] or "" for each in _cells(row)), default="")[:10] or "–")
        for row in found["rows"]
    ]  # fmt: skip
    print_table(
        ("TAG", "LANGUAGE", "RAW", "TRANSLATED", "BEST MODULE", "MODULE", "PROVENANCE", "DATE"),
        rows,
        drop=("DATE", "LANGUAGE", "PROVENANCE", "TRANSLATED", "MODULE"),
    )


def _cells(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [row[source] for source in Source if row[source] is not None]


def _provenance(row: dict[str, Any]) -> str:
    """Return the provenance of a row's cells, the best module's if they differ."""
    return str((row["module"] or row["translated"] or row["raw"])["provenance"])


def _cell(cell: dict[str, Any] | None) -> str:
    """Return `0.91 [0.85–0.97]`, or a dash for a cell without a score."""
    if cell is None:
        return "–"
    if cell["low"] is None or cell["high"] is None:
        return f"{cell['value']:.2f}"
    return f"{cell['value']:.2f} [{cell['low']:.2f}–{cell['high']:.2f}]"


def _short_list(values: list[str]) -> str:
    more = len(values) - MAX_LISTED
    return ", ".join(values[:MAX_LISTED]) + (f" and {more} more" if more > 0 else "")
