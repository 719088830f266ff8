"""`hub verify`: whether everything that is known is also here, byte for byte."""

from __future__ import annotations

import sys

from typer import Exit


def verify() -> None:
    """Compare every blob with its digest.

    Exits with 1 when one is lost or damaged.
    """
    from hub.local import LocalHub
    from hub.registry import verify as examine

    with LocalHub.open() as hub:
        problems = examine(hub.registry, hub.store)
        blobs = len(hub.registry.blobs())
    faults = [problem for problem in problems if problem.is_fault]
    print(f"{blobs} blobs read, {len(faults) or 'no'} faults.")
    for problem in problems:
        print(f"hub: {problem.text}", file=sys.stderr if problem.is_fault else sys.stdout)
    if faults:
        raise Exit(1)
