"""HTTP connections with limits of the size and time of headers, which uvicorn leaves to a proxy in front of it.

Without them, a client that sends its headers slowly holds a connection forever, and one that never ends them fills the memory.
"""

from __future__ import annotations

import asyncio


def http_protocol() -> type[asyncio.Protocol]:
    """Return the protocol on httptools or, if that is not installed, on h11, which is slower."""
    try:
        from server.connections.on_httptools import HttptoolsConnection
    except ImportError:
        from server.connections.on_h11 import H11Connection

        return H11Connection
    return HttptoolsConnection
