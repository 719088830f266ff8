"""Recognise clients that retry a refused upload endlessly.

`upload_large_folder` of huggingface_hub before 2.0 puts the files of a refused request back and sends them again
immediately, forever. It shows the error each time, and only stops if the response tells it to skip the files.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable

REPEATS = 3
"""Refusals of the same file within `WITHIN_S`, after which it is left out with a warning. People are slower."""
WITHIN_S = 10.0
_MAX_REMEMBERED = 10_000


class Refusals:
    """The files last refused to each account, with the time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, str, str], list[float]] = OrderedDict()

    def is_loop(self, account: str, artifact: str, paths: Iterable[str]) -> bool:
        """Note that these files are refused, and return whether all of them were refused several times just now."""
        now = time.monotonic()
        counts = []
        with self._lock:
            for path in paths:
                key = (account, artifact, path)
                recent = [each for each in self._known.pop(key, []) if now - each < WITHIN_S][-REPEATS:]
                counts.append(len(recent))
                self._known[key] = [*recent, now]
            while len(self._known) > _MAX_REMEMBERED:
                self._known.popitem(last=False)
        return min(counts, default=0) >= REPEATS


REFUSALS = Refusals()
