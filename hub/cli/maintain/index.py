"""`hub index`: rebuild the registry from the cards and the store."""

from __future__ import annotations

import sys

from typer import Exit


def index() -> None:
    """Rebuild the registry from the cards and the store."""
    from hub.cli.terminal import count
    from hub.local import LocalHub
    from hub.publish.index import index as update

    with LocalHub.open() as hub:
        report = update(hub.home.cards, hub.registry, hub.store)
        total = len(hub.registry.names())
    print(
        f"{count(total, 'artifact')}: {report.curated} curated, {count(report.restored, 'revision')} restored, "
        f"{report.removed} removed."
    )
    for warning in report.warnings:
        print(f"hub: {warning}", file=sys.stderr)
    if report.warnings:
        raise Exit(1)
