"""What takes long to make is made once a session, whatever folders ask for it."""

import logging
from collections.abc import Iterator

import pytest

from tests.builders.server.people import furnished
from tests.builders.server.published import published
from tests.builders.server.writers import places, written

__all__ = ["furnished", "no_tracebacks", "places", "published", "written"]


@pytest.fixture(autouse=True)
def no_tracebacks() -> Iterator[list[logging.LogRecord]]:
    """Fail a test during which uvicorn logged a traceback: an exception that reaches the top is a bug.

    `TestClient` raises such exceptions itself; a real server only logs them. A test that provokes one clears the list.
    """
    crashes: list[logging.LogRecord] = []

    def collect(record: logging.LogRecord) -> bool:
        if record.exc_info:
            crashes.append(record)
        return True

    logger = logging.getLogger("uvicorn.error")
    logger.addFilter(collect)  # Not a handler: uvicorn removes those when it starts.
    yield crashes
    logger.removeFilter(collect)
    assert not crashes, "\n".join(map(logging.Formatter().format, crashes))
