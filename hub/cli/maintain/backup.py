"""`hub backup`: copy the registry and the store while they are in use."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from typer import Argument, Exit


def backup(
    folder: Annotated[Path, Argument(help="New folder, or an earlier backup to update.")],
) -> None:
    """Copy the registry and the store into a folder.

    Exits with 1 if a damaged blob could not be copied.
    """
    from hub.cli.terminal import count
    from hub.local import LocalHub
    from hub.maintenance.backup import back_up

    with LocalHub.open() as hub:
        report = back_up(hub.registry, hub.store, folder)
    print(
        f"{folder}: {count(report.blobs, 'blob')}, {count(report.size_bytes, 'byte')}; {report.linked:,} hard-linked."
    )
    for fault in report.faults:
        print(f"hub: {fault}", file=sys.stderr)
    if report.faults:
        raise Exit(1)
