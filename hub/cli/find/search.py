"""`hub search`: search for artifacts."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from typer import Argument, Option

from hub.cli.find.format_scores import as_json, short_score
from hub.cli.find.stand_ins import print_stand_ins
from hub.cli.terminal import print_table, short_name
from hub.errors import InvalidRequest
from hub.names import split_values
from hub.records import Artifact, Page, Provenance, Query
from hub.registry.names.stand_ins import reads_zero_shot

ORDERS = ("score", "updated", "downloads", "trend", "name", "metric")
ENDPOINT = (
    "URL of a hub to use instead of the local registry, such as `https://hub.example`; sends the token in HF_TOKEN."
)
"""Help text of `--endpoint`."""
MAX_LIMIT = 1000
_OPTION_OF = {"text": "the text", "language": "--lang", "has_images": "--has"}
"""Field of a query → what to leave out of the command, where they differ."""
MAX_LANGUAGES = 4
"""A longer list of languages is shortened to one language and a count."""


def search(
    words: Annotated[
        list[str] | None,
        Argument(
            metavar="[TEXT]...",
            help="Names and words, such as `yoruba sdxl`: bases, languages, methods and kinds are recognised.",
            show_default=False,
        ),
    ] = None,
    lang: Annotated[
        str,
        Option(help="Language tag or name: yo, yor, Yoruba, Yorùbá; several separated by commas.", show_default=False),
    ] = "",
    kind: Annotated[
        str,
        Option(
            help="Kind: adapter, projector, encoder, delta, base or dataset; several separated by commas.",
            show_default=False,
        ),
    ] = "",
    base: Annotated[
        str, Option(help="Base, by any of its names: sd15, SD 1.5, runwayml/stable-diffusion-v1-5.", show_default=False)
    ] = "",
    method: Annotated[str, Option(help="Training method, such as mulan or pea.", show_default=False)] = "",
    license: Annotated[str, Option(help="Licence: an SPDX identifier or Hugging Face id.", show_default=False)] = "",
    metric: Annotated[
        str, Option(help="Only artifacts with a score of this metric; see --provenance.", show_default=False)
    ] = "",
    min_value: Annotated[float | None, Option("--min", help="Minimum value of --metric.", show_default=False)] = None,
    max_value: Annotated[float | None, Option("--max", help="Maximum value of --metric.", show_default=False)] = None,
    benchmark: Annotated[str, Option(help="Benchmark that --metric refers to.", show_default=False)] = "",
    has: Annotated[str, Option(help="`images`: only artifacts with images in their files.", show_default=False)] = "",
    split: Annotated[str, Option(help="Split of the benchmark that --metric refers to.", show_default=False)] = "",
    provenance: Annotated[
        str, Option(help="Provenance of the scores of --metric: reproduced, self-reported, reported or disputed.")
    ] = "reproduced",
    sort: Annotated[
        str, Option(help="Sort by score, updated, downloads, trend, name or metric (best first).")
    ] = "score",
    limit: Annotated[int, Option(min=1, max=MAX_LIMIT, help="Maximum number of results.")] = 20,
    as_objects: Annotated[bool, Option("--json", help="Print JSON.")] = False,
    endpoint: Annotated[str, Option(help=ENDPOINT, show_default=False)] = "",
) -> None:
    """Search for artifacts. Those with the best scores reproduced by this hub come first."""
    text = " ".join(words or [])
    if sort not in ORDERS:
        raise InvalidRequest(f"unknown sort order `{sort}`: choose one of {', '.join(ORDERS)}.")
    if provenance not in list(Provenance):
        raise InvalidRequest(f"unknown provenance `{provenance}`: choose one of {', '.join(Provenance)}.")
    if has not in {"", "images"}:
        raise InvalidRequest(f"unknown value of --has: `{has}`. It can only be `images`.")
    tag = ",".join(map(tag_of, split_values(lang)))
    query = Query(
        text=text, language=tag, kind=kind, base=base, method=method, license=license, metric=metric,
        min_value=min_value, max_value=max_value, benchmark=benchmark, split=split, provenance=provenance,
        sort=sort, limit=limit, scores="all" if as_objects else "best", has_images=bool(has),
    )  # fmt: skip
    with finder(endpoint) as find:
        page = find(query)
        if not page.items and not page.stand_ins:
            from hub.cli.find.unknown import check_filters

            check_filters(query, find)
    if as_objects:
        print(json.dumps([artifact_as_json(artifact) for artifact in page.items], ensure_ascii=False, indent=2))
    elif page.items:
        _print_page(page, "" if "," in tag else tag)
        if page.stand_ins:
            print(f"\n`{text.strip()}` on other bases:")
            print_stand_ins(page.stand_ins)
    elif page.stand_ins:
        print(f"No artifact is called `{text.strip()}`; with this name the loader takes:\n")
        print_stand_ins(page.stand_ins)
    else:
        print(f"No artifacts match.{_other_scores(query, page)}{_what_to_change(query, page, on(endpoint))}")


def _other_scores(query: Query, page: Page) -> str:
    """Return where else to look for scores of the metric."""
    if count := page.without.get("provenance", 0):
        return (
            f" Only reproduced scores were searched. With self-reported ones: {count:,}, see `--provenance {Provenance.SELF_REPORTED}`; "
            "repeat them with `hub rescore NAME`."
        )
    return elsewhere(query.provenance) if query.metric and query.provenance != Provenance.REPRODUCED else ""


def _what_to_change(query: Query, page: Page, endpoint: str) -> str:
    """Return what to search for instead, and how to train what is missing."""
    from hub.registry.names.no_results import training_command

    hint = f" Did you mean `{page.correction}`?" if page.correction else ""
    if without := {name: count for name, count in page.without.items() if name != "provenance"}:
        name, count = max(without.items(), key=lambda item: item[1])
        hint += f" Without {_OPTION_OF.get(name, f'--{name}')}: {count:,}."
    elif not page.correction and not page.without:
        hint += f" List everything with `hub search{endpoint}`."
    command = training_command(query, page)
    return hint + (f"\nTrain one: {command}" if command else "")


def on(endpoint: str) -> str:
    """Return the option for commands that people copy: ` --endpoint URL`, or nothing for the local registry."""
    return f" --endpoint {shlex.quote(endpoint)}" if endpoint else ""


@contextmanager
def finder(endpoint: str) -> Iterator[Callable[[Query], Page]]:
    """Open the local registry, or a server, and yield its search."""
    if endpoint:
        from hub.remote.client import Endpoint

        yield Endpoint(endpoint).find
        return
    from hub.local import LocalHub

    with LocalHub.open() as hub:
        yield hub.registry.find


def artifact_as_json(artifact: Artifact) -> dict[str, Any]:
    """Return an artifact as `--json` prints it."""
    return {
        "name": artifact.name.name,
        "owner": artifact.name.owner,
        "kind": artifact.kind,
        "method": artifact.method,
        "bases": list(artifact.bases),
        "encoder": artifact.encoder,
        "languages": list(artifact.languages),
        "license": artifact.license,
        "revision": artifact.revision,
        "scores": [as_json(score) for score in artifact.scores],
    }


def tag_of(lang: str) -> str:
    """Return the tag of a language that a user typed, or an empty string. Raises UnknownLanguage."""
    if not lang:
        return ""
    from hub.languages import parse_language

    return parse_language(lang)


def elsewhere(provenance: str) -> str:
    """Return where else to look for scores, if none have this provenance."""
    if provenance != Provenance.REPRODUCED:
        return " `hub show NAME` lists the scores of an artifact."
    return " See what owners claim with `--provenance self-reported`, and repeat it with `hub rescore NAME`."


def _print_page(page: Page, language: str) -> None:
    rows = [_row(artifact, language) for artifact in page.items]
    headings = ("NAME", "KIND", "METHOD", "BASES", "LANGUAGES", "BEST SCORE", "LICENCE")
    print_table(headings, rows, drop=("LICENCE", "KIND", "METHOD", "BASES", "LANGUAGES", "BEST SCORE"))
    if page.total > len(page.items):
        hint = f"Show all with `--limit {page.total}`" if page.total <= MAX_LIMIT else "Add a filter to see fewer"
        print(f"\n{page.total - len(page.items):,} more. {hint}.")


def _row(artifact: Artifact, language: str) -> tuple[str, ...]:
    best = short_score(artifact.scores[0]) if artifact.scores else "–"
    if language and reads_zero_shot(artifact.trained_languages, language):
        best = f"{best if artifact.scores else 'no score yet'}, zero-shot"
    return (
        short_name(artifact.name),
        artifact.kind,
        artifact.method or "–",
        in_short(artifact.bases, most=2),
        in_short(artifact.languages, language),
        best if artifact.revision else "all revisions yanked",
        artifact.license,
    )


def in_short(values: tuple[str, ...], wanted: str = "", *, most: int = MAX_LANGUAGES) -> str:
    """Format languages or bases as `yo, sw` or `yo + 104 more`, with the `wanted` one first."""
    if len(values) <= most:
        return ", ".join(values) or "–"
    first = wanted if wanted in values else values[0]
    return f"{first} + {len(values) - 1} more"
