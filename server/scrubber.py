"""Scrub the store in a thread of each server process; see `hub.maintenance.scrub`."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Mapping

from hub.errors import HubError, InvalidRequest
from hub.local import LocalHub
from hub.maintenance.pace import Stopped
from hub.maintenance.scrub import scrub
from server.background import Background

DEFAULT_RATE = 10.0
"""Megabytes per second that are read: 860 GB a day, for about one percent of a core."""
PAUSE_S = 60.0
"""Seconds between checks whether a pass is due."""
_log = logging.getLogger("server.scrub")


def configured_scrub_rate(environment: Mapping[str, str] | None = None) -> float:
    """Return `$HUB_SCRUB_RATE` in megabytes per second; 0 for `off`. Raises InvalidRequest."""
    environment = os.environ if environment is None else environment
    written = environment.get("HUB_SCRUB_RATE", "").strip().lower()
    try:
        rate = 0.0 if written == "off" else float(written or DEFAULT_RATE)
    except ValueError:
        rate = math.nan
    if not 0 <= rate < math.inf:
        raise InvalidRequest(f"HUB_SCRUB_RATE is {written[:40]!r}: use megabytes per second, such as 10, or `off`.")
    return rate


class Scrubber(Background):
    """Starts a pass whenever one is due, from `start` to `stop`."""

    name = "scrub"

    def __init__(self, hub: LocalHub, megabytes_per_s: float, pause_s: float = PAUSE_S) -> None:
        super().__init__()
        self._hub = hub
        self._rate = megabytes_per_s
        self._pause_s = pause_s

    def start(self) -> None:
        """Start the thread, unless the rate is 0."""
        if self._rate > 0:
            super().start()

    def run(self) -> None:
        """Scrub until `stopped` is set, which ends a pass after its current chunk."""
        while not self.stopped.wait(self._pause_s):
            try:
                scrub(self._hub.registry.database, self._hub.store, self._rate, self.stopped)
            except Stopped:
                return
            except HubError as error:
                _log.error("cannot scrub the store, trying again in %.0f s: %s", self._pause_s, error)
