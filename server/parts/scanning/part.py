"""The part `scanning`: scan files that can run code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.part import ServerPart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.local import LocalHub
    from hub.registry.outbox.worker import Task


class Scanning(ServerPart):
    """Scans of flagged files, repeated when the scanners change."""

    name = "scanning"
    scans_files = True

    def tasks(self, hub: LocalHub) -> Sequence[Task]:
        """Return the job that scans a file."""
        from server.parts.scanning.scan import scan_task

        return (scan_task(hub),)

    def start(self, hub: LocalHub) -> None:
        """Enqueue files that were last scanned with other versions of the scanners."""
        from server.parts.scanning.scan import rescan_outdated, scanners

        rescan_outdated(hub.registry.database, scanners())
