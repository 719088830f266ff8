"""`hub verify`: whether everything that is known is also here, byte for byte."""

from __future__ import annotations

import sys
from typing import Annotated

from typer import Exit, Option


def verify(
    repair: Annotated[
        bool, Option("--repair", help="Bring lost and damaged blobs back from cards, snapshots and --endpoint.")
    ] = False,
    endpoint: Annotated[str, Option(help="A hub that has the same artifacts, asked for what is nowhere here.")] = "",
) -> None:
    """Compare every blob with its digest.

    Exits with 1 when one is lost or damaged and was not brought back.
    """
    from hub.local import LocalHub
    from hub.registry import verify as examine
    from hub.repair import repair as mend

    with LocalHub.open() as hub:
        problems = examine(hub.registry, hub.store)
        blobs = len(hub.registry.blobs())
        damaged = [problem.digest for problem in problems if problem.digest is not None]
        mended = set(mend(hub, damaged, endpoint or None)) if repair else set()
    left = [problem for problem in problems if problem.digest is None or problem.digest not in mended]
    faults = [problem for problem in left if problem.is_fault]
    print(f"{blobs} blobs read, {f'{len(mended)} brought back, ' if repair else ''}{len(faults) or 'no'} faults.")
    for problem in left:
        print(f"hub: {problem.text}", file=sys.stderr if problem.is_fault else sys.stdout)
    if faults:
        raise Exit(1)
