"""`hub gc`: delete unreferenced blobs."""

from __future__ import annotations

from typing import Annotated

from typer import Option

from hub.maintenance.garbage import GRACE_DAYS, MIN_DAYS

SHOWN = 10
"""Blobs that are listed."""


def gc(
    days: Annotated[
        float, Option(min=MIN_DAYS, help="Keep blobs newer than N days: their push may be in progress.")
    ] = GRACE_DAYS,
    yes: Annotated[bool, Option("--yes", help="Delete the blobs instead of listing them.")] = False,
) -> None:
    """List unreferenced blobs, or delete them with --yes."""
    from hub.cli.terminal import count
    from hub.local import LocalHub
    from hub.maintenance.garbage import collect, unreferenced_blobs

    with LocalHub.open() as hub:
        found = unreferenced_blobs(hub.registry, hub.store, days)
        for blob in found[:SHOWN]:
            print(f"{blob.digest.hex[:12]}  {blob.size_bytes:>14,} bytes  {count(round(blob.age_days), 'day')} old")
        if len(found) > SHOWN:
            print(f"… and {len(found) - SHOWN} more")
        deleted = collect(hub.registry, hub.store, found, days) if yes else found
    if not deleted:
        print("Nothing to delete.")
        return
    amount = f"{count(len(deleted), 'blob')}, {count(sum(each.size_bytes for each in deleted), 'byte')}"
    again = f"hub gc --yes{f' --days {days:g}' if days != GRACE_DAYS else ''}"
    print(f"Deleted {amount}." if yes else f"Unreferenced: {amount}. Delete with `{again}`.")
