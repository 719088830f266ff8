"""`hub verify`: whether everything that is known is also here, byte for byte."""

from __future__ import annotations

import sys
from typing import Annotated

from typer import Exit, Option

from hub.cli.tables import size


def verify(
    prune: Annotated[
        bool, Option("--prune", help="Delete what interrupted pushes left behind. Not while somebody pushes.")
    ] = False,
) -> None:
    """Read every blob and compare it with its digest; exit 1 when one is lost or damaged."""
    from hub.local import LocalHub
    from hub.verify import prune as delete_unnamed
    from hub.verify import verify as examine

    with LocalHub.open() as hub:
        report = examine(hub.registry, hub.store)
        print(f"{report.blobs} blobs, {size(report.size_bytes)}: {len(report.faults) or 'no'} faults.")
        if prune:
            print(f"{delete_unnamed(report, hub.store)} leftovers deleted.")
        elif report.unnamed:
            print(
                f"{len(report.unnamed)} blobs belong to no revision, left by interrupted pushes: `hub verify --prune` deletes them."
            )
    for fault in report.faults:
        print(f"hub: {fault}.", file=sys.stderr)
    if report.faults:
        raise Exit(1)
