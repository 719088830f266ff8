"""`hub backup`: a copy of registry and store, while others go on using them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from typer import Argument, Exit


def backup(
    folder: Annotated[
        Path, Argument(help="A new folder, or one of an earlier backup, whose blobs are not copied again.")
    ],
) -> None:
    """Copy registry and store into a folder.

    Exits with 1 when a blob is damaged here and could not be copied.
    """
    from hub.local import LocalHub
    from hub.maintenance.backup import back_up

    with LocalHub.open() as hub:
        report = back_up(hub.registry, hub.store, folder)
    print(f"{folder}: {report.blobs} blobs, {report.size_bytes:,} bytes, {report.linked} of them without copying.")
    for fault in report.faults:
        print(f"hub: {fault}", file=sys.stderr)
    if report.faults:
        raise Exit(1)
