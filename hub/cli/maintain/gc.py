"""`hub gc`: give back the room of blobs that nothing names any more."""

from __future__ import annotations

from typing import Annotated

from typer import Option

from hub.maintenance.garbage import GRACE_DAYS, LEAST_DAYS

SHOWN = 10


def gc(
    days: Annotated[
        float, Option(min=LEAST_DAYS, help="Keep what was put within so many days: its push may not have ended.")
    ] = GRACE_DAYS,
    yes: Annotated[bool, Option("--yes", help="Remove them; without it they are only listed.")] = False,
) -> None:
    """List or remove blobs that no revision names."""
    from hub.local import LocalHub
    from hub.maintenance.garbage import collect, strays

    with LocalHub.open() as hub:
        found = strays(hub.registry, hub.store, days)
        for stray in found[:SHOWN]:
            print(f"{stray.digest.hex[:12]}  {stray.size_bytes:>14,} bytes  {stray.age_days:.0f} days old")
        if len(found) > SHOWN:
            print(f"… and {len(found) - SHOWN} more")
        if not yes:
            again = f"hub gc --yes{f' --days {days:g}' if days != GRACE_DAYS else ''}"
            print(
                _sum(len(found), sum(each.size_bytes for each in found), "would go")
                + (f": `{again}`." if found else ".")
            )
            return
        removed = collect(hub.registry, hub.store, found, days)
    print(_sum(len(removed), sum(each.size_bytes for each in removed), "removed") + ".")


def _sum(blobs: int, size_bytes: int, verb: str) -> str:
    return f"{blobs or 'No'} blobs, {size_bytes:,} bytes, {verb}" if blobs else f"No blobs {verb}"
