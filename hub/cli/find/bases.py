"""`hub bases`: the frozen pipelines that modules are made for, and the shape of the embeddings they take."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

from typer import Option

from hub.cli.terminal import print_table, short_name
from hub.conditioning import Conditioning, format_width
from hub.records import Artifact, Query


def bases(
    as_objects: Annotated[bool, Option("--json", help="Print JSON.")] = False,
) -> None:
    """List bases and the shape of the embeddings they take: tokens × channels."""
    from hub.local import LocalHub

    with LocalHub.open() as hub:
        found = hub.registry.find(Query(kind="base", sort="name", limit=1000)).items
    if as_objects:
        print(json.dumps([_as_json(base) for base in found], ensure_ascii=False, indent=2))
    else:
        headings = ("NAME", "EMBEDDINGS", "LICENCE", "WEIGHTS", "SUMMARY")
        print_table(headings, [_row(base) for base in found], drop=("SUMMARY", "WEIGHTS", "LICENCE"), cut=("SUMMARY",))


def format_conditioning(conditioning: Conditioning | None) -> str:
    """Format a conditioning as tokens × channels and extras: `77 × 768`, `any × 2048, pooled 1280`."""
    if conditioning is None:
        return "–"
    length = "any" if conditioning.length is None else str(conditioning.length)
    streams = "".join(f", {each.name} {format_width(each)}" for each in conditioning.streams)
    pooled = f", pooled {conditioning.pooled_width}" if conditioning.pooled_width else ""
    return f"{length} × {format_width(conditioning)}{streams}{pooled}{', mask' if conditioning.mask else ''}"


def _row(base: Artifact) -> tuple[str, ...]:
    upstream = base.upstream[0].repository if base.upstream else "–"
    return (
        short_name(base.name),
        format_conditioning(base.conditioning),
        base.license,
        "local" if base.weights_digest else upstream,
        base.summary,
    )


def _as_json(base: Artifact) -> dict[str, object]:
    return {
        "name": base.name.name,
        "owner": base.name.owner,
        "license": base.license,
        "revision": base.revision,
        "weights_digest": base.weights_digest,
        "conditioning": base.conditioning.as_json() if base.conditioning is not None else None,
        "upstream": [asdict(each) for each in base.upstream],
    }
