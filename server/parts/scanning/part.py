"""The part `scanning`: scanners look at files that can run code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.part import ServerPart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.local import LocalHub
    from hub.registry.outbox.worker import Task


class Scanning(ServerPart):
    """Scans flagged files in a process with limits, and again when the scanners change."""

    name = "scanning"

    def jobs(self, hub: LocalHub) -> Sequence[Task]:
        """Return the job that scans a file."""
        from server.parts.scanning.scan import scan_task

        return (scan_task(hub),)

    def start(self, hub: LocalHub) -> None:
        """Let everything be scanned again that other versions of the scanners have looked at."""
        from server.parts.scanning.reports import rescan_outdated
        from server.parts.scanning.scan import scanners

        rescan_outdated(hub.registry.database, scanners())
