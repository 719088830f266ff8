"""`hub gc`: delete unreferenced blobs."""

from __future__ import annotations

from typing import Annotated

from typer import Option

from hub.maintenance.garbage import GRACE_DAYS, MIN_DAYS

SHOWN = 10


def gc(
    days: Annotated[
        float, Option(min=MIN_DAYS, help="Keep blobs newer than N days: their push may be in progress.")
    ] = GRACE_DAYS,
    yes: Annotated[bool, Option("--yes", help="Delete the blobs instead of listing them.")] = False,
) -> None:
    """List or delete unreferenced blobs."""
    from hub.local import LocalHub
    from hub.maintenance.garbage import collect, unreferenced_blobs

    with LocalHub.open() as hub:
        found = unreferenced_blobs(hub.registry, hub.store, days)
        for stray in found[:SHOWN]:
            print(f"{stray.digest.hex[:12]}  {stray.size_bytes:>14,} bytes  {stray.age_days:.0f} days old")
        if len(found) > SHOWN:
            print(f"… and {len(found) - SHOWN} more")
        deleted = collect(hub.registry, hub.store, found, days) if yes else found
    if not deleted:
        print("Nothing to delete.")
        return
    amount = f"{len(deleted)} blobs, {sum(each.size_bytes for each in deleted):,} bytes"
    again = f"hub gc --yes{f' --days {days:g}' if days != GRACE_DAYS else ''}"
    print(f"{amount}, deleted." if yes else f"{amount}, can be deleted with `{again}`.")
