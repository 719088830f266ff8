"""A connection to the server of a test module, whose fixture `address` has its host and port."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import closing

import pytest


@pytest.fixture
def connection(address: tuple[str, int]) -> Iterator[http.client.HTTPConnection]:
    with closing(http.client.HTTPConnection(*address, timeout=30)) as connection:
        yield connection
